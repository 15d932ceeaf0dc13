"""An iCalendar file (RFC 5545) into the times that it names: repeated, all-day and floating ones too.

Repetitions are worked out for a bounded stretch of time, from two months back to thirteen ahead.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from services.notifier.core.roster import Contact
from services.notifier.core.schedule import Span, local_instant
from shared.contract.errors import PermanentError, Reason

LARGEST: Final = 1 << 20
"""No calendar is larger than this many bytes."""
MOST: Final = 20_000
"""Nor has it more events than this in the stretch that is looked at."""
BACK: Final = timedelta(days=60)
AHEAD: Final = timedelta(days=400)

_TOO_OFTEN: Final = re.compile(r"FREQ=(SECONDLY|MINUTELY|HOURLY)", re.IGNORECASE)
_NAME_ENDS: Final = re.compile(r"\s*[:(,]|\s+[-–—]\s+")


class CalendarError(PermanentError):
    """A calendar that cannot be read; the message says why."""

    reason = Reason.ROSTER_INVALID


@dataclass(frozen=True, slots=True)
class Entry:
    """One event: what it is called, whose mail addresses it names, and when it is."""

    summary: str
    addresses: tuple[str, ...]
    span: Span

    def person(self, contacts: Sequence[Contact]) -> str | None:
        """Return the key of whom it names: by its title or what stands before a colon, or by mail."""
        title = self.summary.strip().casefold()
        names = {title, _NAME_ENDS.split(title, maxsplit=1)[0]}
        for one in contacts:
            known = {one.key.casefold(), one.name.casefold(), *one.aliases}
            if names & known or (one.email or "").casefold() in self.addresses:
                return one.key
        return None


def entries(text: str, zone: ZoneInfo, now: datetime) -> tuple[Entry, ...]:
    """Return the events of the calendar in *text* round *now*, in the order of their beginnings.

    Args:
        text: The calendar.
        zone: Where all-day and floating times are read.
        now: The instant round which repetitions are worked out.

    Raises:
        CalendarError: It is no calendar, too large, or repeats more than daily.
    """
    if len(text.encode()) > LARGEST:
        msg = f"is larger than {LARGEST} bytes"
        raise CalendarError(msg)
    if _TOO_OFTEN.search(text):
        raise CalendarError("repeats an event more often than daily, which no rotation does")
    try:
        calendar = icalendar.Calendar.from_ical(text)
        found = recurring_ical_events.of(calendar).between(now - BACK, now + AHEAD)
        if len(found) > MOST:
            msg = f"has more than {MOST} events in the coming year"
            raise CalendarError(msg)
        read = [_entry(event, zone) for event in found]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        msg = f"is no calendar that can be read: {error}"
        raise CalendarError(msg) from error
    kept = [one for one in read if one is not None and one.span.start < one.span.end]
    return tuple(sorted(kept, key=lambda one: (one.span.start, one.span.end, one.summary)))


def _entry(event: Any, zone: ZoneInfo) -> Entry | None:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    start, end = event["DTSTART"].dt, event["DTEND"].dt if "DTEND" in event else None
    if end is None:
        end = start + (event["DURATION"].dt if "DURATION" in event else timedelta(days=1))
    span = Span(_instant(start, zone), _instant(end, zone))
    return Entry(str(event.get("SUMMARY", "")), tuple(_addresses(event)), span)


def _addresses(event: Any) -> Iterator[str]:
    given = event.get("ATTENDEE", [])
    for one in given if isinstance(given, list) else [given]:
        yield str(one).casefold().removeprefix("mailto:")


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of *value*; without a zone it is one of the local clock in *zone*."""
    if not isinstance(value, datetime):
        return local_instant(value, 0, zone)
    aware = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    return aware.astimezone(UTC)
