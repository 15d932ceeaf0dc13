"""What a roster file may say of rotations, overrides and absences, and how it is read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator

from services.notifier.core.schedule import (
    DAY_S,
    Absence,
    Booked,
    Layer,
    Override,
    Rotation,
    Schedule,
    Span,
    Windows,
    local_instant,
)
from shared.policy.notation import parse_day, parse_zone, refuse

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAYS: Final = {
    **{day: (number,) for number, day in enumerate(DAYS)},
    "weekdays": (0, 1, 2, 3, 4),
    "weekend": (5, 6),
    "every": tuple(range(7)),
}
"""The words for days in ``only``, each with the days it stands for."""

_TURN: Final = re.compile(r"(\d{1,3})([hdw])")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_WINDOW: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_READING: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]([01]\d|2[0-3]):([0-5]\d))?")


@dataclass(frozen=True, slots=True)
class Reading:
    """A moment as people write it: a day, a local date and time, or one with its offset."""

    day: date
    seconds: int | None = None
    exact: datetime | None = None

    def instant(self, zone: ZoneInfo, *, ends: bool = False) -> datetime:
        """Return the instant in *zone*; a day alone that *ends* a span is inside it as a whole."""
        if self.exact is not None:
            return self.exact
        if self.seconds is None:
            return local_instant(self.day, DAY_S if ends else 0, zone)
        return local_instant(self.day, self.seconds, zone)


def parse_reading(given: Any) -> Reading:
    """Return the moment that *given* writes."""
    text = str(given)
    found = _READING.fullmatch(text)
    if found is not None:
        day = parse_day(found[1])
        return Reading(day, int(found[2]) * 3600 + int(found[3]) * 60 if found[2] else None)
    try:
        exact = datetime.fromisoformat(text)
    except ValueError:
        exact = None
    if exact is None or exact.tzinfo is None:
        refuse(
            f"`{text}` is neither a day nor a day and time",
            'Write 2026-12-24, "2026-12-24T08:00" (the local clock) or "2026-12-24T08:00:00+01:00".',
        )
    return Reading(exact.date(), exact=exact)


def parse_turn(given: Any) -> tuple[int, int]:
    """Return how long a turn is: days, or hours when it is counted in those."""
    text = {"daily": "1d", "weekly": "1w"}.get(str(given), str(given))
    found = _TURN.fullmatch(text)
    count = int(found[1]) if found else 0
    if found is None or count == 0 or (found[2] == "h" and 24 % count):
        refuse(
            f"`{given}` is no length of a turn",
            "Write daily, weekly, 3d, 2w, or hours that divide a day evenly: 12h.",
        )
    return {"h": (0, count), "d": (count, 0), "w": (7 * count, 0)}[found[2]]


def parse_clock(given: Any) -> int:
    """Return the seconds after midnight of a clock's reading."""
    found = _CLOCK.fullmatch(str(given))
    if found is None:
        refuse(f"`{given}` is no time of day", 'Write "09:00".')
    return int(found[1]) * 3600 + int(found[2]) * 60


def parse_only(given: Any) -> Windows:
    """Return the windows in which a layer applies, by weekday."""
    if not isinstance(given, dict) or not given:
        refuse("names no days", 'Write {weekdays: "18:00-08:00", weekend: "00:00-24:00"}.')
    windows: dict[int, list[tuple[int, int]]] = {}
    for word, text in given.items():
        if word not in WEEKDAYS:
            refuse(f"`{word}` is no day", f"Write one of {', '.join(WEEKDAYS)}.")
        for day in WEEKDAYS[word]:
            windows.setdefault(day, []).extend(_windows(text))
    return MappingProxyType({day: tuple(found) for day, found in windows.items()})


def _windows(text: Any) -> Iterator[tuple[int, int]]:
    for part in str(text).split(","):
        found = _WINDOW.fullmatch(part.strip())
        if found is None:
            refuse(
                f"`{part.strip()}` is not a time of day from and to",
                'Write "18:00-08:00", several with a comma between.',
            )
        opens = int(found[1]) * 3600 + int(found[2]) * 60
        closes = int(found[3]) * 3600 + int(found[4]) * 60
        if closes > DAY_S:
            refuse(f"`{part.strip()}` ends after midnight", "The last reading of a day is 24:00.")
        # A window that does not end after it begins is one over midnight.
        yield opens, closes if closes > opens else closes + DAY_S


Zone = Annotated[ZoneInfo, PlainValidator(parse_zone)]
At = Annotated[Reading, PlainValidator(parse_reading)]


class Strict(BaseModel):
    """Every section of a roster file: what it does not know, it refuses."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True
    )


class LayerShape(Strict):
    """One layer: people who take turns, or a calendar that says whose shift it is."""

    calendar: str | None = None
    people: Annotated[list[str], Field(min_length=1)] | None = None
    turn: Annotated[tuple[int, int], PlainValidator(parse_turn)] | None = None
    start: Annotated[date, PlainValidator(lambda given: parse_day(str(given)))] | None = None
    handover: Annotated[int, PlainValidator(parse_clock)] | None = None
    zone: Zone | None = None
    only: Annotated[Windows, PlainValidator(parse_only)] | None = None

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        turns = (self.people, self.turn, self.start, self.handover)
        given = [one is not None for one in turns]
        if self.calendar is None and not all(given):
            refuse("is not whole", "Give people, turn, start and handover; or a calendar.")
        if self.calendar is not None and (any(given) or self.only is not None):
            refuse("is a calendar and a rotation", "Make two layers of it.")
        return self

    def layer(self, zone: ZoneInfo, booked: Booked | None) -> Layer:
        """Return the layer as the core has it.

        Args:
            zone: That of the schedule.
            booked: What its calendar holds, where it is one.
        """
        if self.people is None or self.turn is None or self.start is None or self.handover is None:
            return booked or Booked(())
        days, hours = self.turn
        return Rotation(
            people=tuple(self.people),
            zone=self.zone or zone,
            start=self.start,
            handover=self.handover,
            days=days,
            hours=hours,
            windows=self.only,
        )


class _Spanned(Strict):
    who: str
    from_: At = Field(alias="from")
    until: At

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        utc = ZoneInfo("UTC")
        if self.from_.instant(utc) >= self.until.instant(utc, ends=True):
            refuse("ends before it begins", "`until` comes after `from`.")
        return self

    def span(self, zone: ZoneInfo) -> Span:
        """Return the time it covers; a date alone is read in *zone*."""
        return Span(self.from_.instant(zone), self.until.instant(zone, ends=True))


class OverrideShape(_Spanned):
    """One person in the seat for a while, whatever the layers say."""


class AbsenceShape(_Spanned):
    """When somebody is away, and who stands in."""

    substitute: str | None = None
    zone: Zone | None = None

    def absence(self, zone: ZoneInfo) -> Absence:
        """Return the absence as the core has it."""
        return Absence(self.who, self.span(self.zone or zone), self.substitute)


class ScheduleShape(Strict):
    """One seat that people take in turns."""

    zone: Zone | None = None
    layers: Annotated[list[LayerShape], Field(min_length=1)]
    overrides: list[OverrideShape] = Field(default_factory=list)

    def schedule(self, name: str, zone: ZoneInfo, booked: Mapping[int, Booked]) -> Schedule:
        """Return the schedule as the core has it.

        Args:
            name: What the roster calls it.
            zone: That of the roster.
            booked: What the calendars among its layers hold, by the layer's number.
        """
        own = self.zone or zone
        return Schedule(
            name=name,
            layers=tuple(
                layer.layer(own, booked.get(number)) for number, layer in enumerate(self.layers)
            ),
            overrides=tuple(Override(one.who, one.span(own)) for one in self.overrides),
        )

    def named(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Give everybody the schedule names, with the place where it does."""
        for number, layer in enumerate(self.layers):
            for index, person in enumerate(layer.people or ()):
                yield ("layers", number, "people", index), person
        for number, one in enumerate(self.overrides):
            yield ("overrides", number, "who"), one.who
