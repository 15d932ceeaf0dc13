"""How a policy writes durations, shares, clock windows and people, and how they are read.

Durations: `15m`, `4h`, `1h30m`, `90s`. Shares: `0.75` or `75%`. Windows: `09:00-17:00`.
People: a role, or `fyi:` and a role for somebody who is told but asked for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Annotated, Any, Final, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from shared.contract.times import Seconds

NONE: Final = "none"
LONGEST: Final = Seconds(10 * 366 * 86_400)
"""The longest duration that a policy may write: ten years."""

DAY_END: Final = Seconds(86_400)
"""24:00, in seconds since midnight."""

_LAST_MINUTE: Final = 59
_DURATION: Final = re.compile(r"(?=\d)(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?")
_CLOCK: Final = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_SHARE: Final = re.compile(r"\d{1,3}(\.\d{1,9})?%?")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_ROLE: Final = re.compile(r"(fyi:)?([a-z][a-z0-9_]{0,63})")
_FYI: Final = "fyi:"


@dataclass(frozen=True, slots=True)
class Addressee:
    """A role to tell; with *fyi* it is told and asked for nothing."""

    role: str
    fyi: bool

    @override
    def __str__(self) -> str:
        return f"{_FYI}{self.role}" if self.fyi else self.role


def refuse(problem: str, remedy: str) -> NoReturn:
    """Say what is wrong with a value and what would be accepted.

    Raises:
        PydanticCustomError: Always; `load` turns it into a finding with line and key.
    """
    raise PydanticCustomError("policy_value", "{problem}", {"problem": problem, "remedy": remedy})


def parse_duration(given: Any) -> Seconds:
    """Return the seconds that *given* says.

    Raises:
        PydanticCustomError: It is no duration, or one of more than ten years.
    """
    found = _DURATION.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        refuse(f"`{given}` is not a length of time", "Write it with its unit: 15m, 4h, 90s.")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = Seconds(hours * 3600 + minutes * 60 + seconds)
    if total > LONGEST:
        refuse(f"{given} is more than ten years", "Write a shorter time.")
    return total


def parse_positive_duration(given: Any) -> Seconds:
    """Return the seconds that *given* says, which must be more than none."""
    total = parse_duration(given)
    if total == 0:
        refuse(f"{given} is no time at all", "Write a time above zero.")
    return total


def parse_optional_duration(given: Any) -> Seconds | None:
    """Return the seconds that *given* says, or None for the word none."""
    if given is None or given == NONE:
        return None
    return parse_duration(given)


def parse_deadline(given: Any) -> Seconds | str | None:
    """Return a duration, None for the word none, or `due`: the due instant of the timer itself."""
    return "due" if given == "due" else parse_optional_duration(given)


def parse_share(given: Any) -> Fraction:
    """Return the exact share that *given* writes, from 0 to 1."""
    text = str(given)
    is_number = isinstance(given, (int, float, str)) and not isinstance(given, bool)
    if not is_number or _SHARE.fullmatch(text) is None:
        refuse(f"`{given}` is not a share", "Write it as 0.75 or as 75%.")
    share = Fraction(text[:-1]) / 100 if text.endswith("%") else Fraction(text)
    if share > 1:
        refuse(f"{given} is more than the whole", "Write a share from 0 to 1, or with a %.")
    return share


def parse_addressee(given: Any) -> Addressee:
    """Return the role that *given* names, with or without `fyi:`."""
    found = _ROLE.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        refuse(f"`{given}` is not a role", 'Write a role in lower case, or "fyi:" and a role.')
    return Addressee(found[2], fyi=found[1] is not None)


def parse_windows(given: Any) -> tuple[tuple[Seconds, Seconds], ...]:
    """Return the open windows of a day, each from and to in seconds since midnight."""
    windows: list[tuple[Seconds, Seconds]] = []
    for part in str(given).split(","):
        found = _CLOCK.fullmatch(part.strip())
        if found is None:
            refuse(
                f"`{part.strip()}` is not a time of day from and to",
                'Write "09:00-17:00", several with a comma between.',
            )
        hour, minute, until_hour, until_minute = (int(digits) for digits in found.groups())
        opens, closes = hour * 3600 + minute * 60, until_hour * 3600 + until_minute * 60
        if max(minute, until_minute) > _LAST_MINUTE or closes > DAY_END or opens >= closes:
            refuse(
                f"{part.strip()} does not end after it begins on the same day",
                "Write 00:00 to 24:00 at most, and split what crosses midnight over two days.",
            )
        if windows and opens < windows[-1][1]:
            refuse(f"{part.strip()} begins before the window ahead of it ends", "Sort them.")
        windows.append((Seconds(opens), Seconds(closes)))
    return tuple(windows)


def parse_zone(given: Any) -> ZoneInfo:
    """Return the zone of that IANA name."""
    try:
        return ZoneInfo(str(given))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        refuse(f"`{given}` is not a time zone", "Write one such as Europe/Vienna.")


def parse_day(given: Any) -> date:
    """Return the date that *given* writes, as 2026-12-25 and in no other way."""
    try:
        return date.fromisoformat(given if _DAY.fullmatch(str(given)) else "")
    except ValueError:
        refuse(f"`{given}` is not a date", "Write year, month and day: 2026-12-25.")


def parse_moment(given: Any) -> datetime:
    """Return the instant that *given* writes, which must name its offset."""
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        refuse(f"`{given}` is not a date and time with its zone", "Write 2026-01-01T00:00:00Z.")
    return moment


_AS_TEXT = PlainSerializer(str)

Duration = Annotated[Seconds, PlainValidator(parse_duration)]
"""A length of time; zero is allowed."""

PositiveDuration = Annotated[Seconds, PlainValidator(parse_positive_duration)]
"""A length of time above zero."""

OptionalDuration = Annotated[Seconds | None, PlainValidator(parse_optional_duration)]
"""A length of time, or `none`."""

Deadline = Annotated[Seconds | str | None, PlainValidator(parse_deadline)]
"""A length of time, `none`, or `due`."""

Share = Annotated[Fraction, PlainValidator(parse_share), _AS_TEXT]
"""A part of a whole, exact."""

Person = Annotated[Addressee, PlainValidator(parse_addressee), _AS_TEXT]
"""A role, or `fyi:` and a role."""

Windows = Annotated[tuple[tuple[Seconds, Seconds], ...], PlainValidator(parse_windows)]
"""The open windows of one weekday."""

Day = Annotated[date, PlainValidator(parse_day), _AS_TEXT]
"""A date."""

Moment = Annotated[datetime, PlainValidator(parse_moment), _AS_TEXT]
"""An instant with its offset."""

Zone = Annotated[ZoneInfo, PlainValidator(parse_zone), _AS_TEXT]
"""An IANA time zone."""
