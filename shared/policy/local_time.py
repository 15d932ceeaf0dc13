"""A date that somebody agreed with a customer, as an instant or as a local time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.contract.times import Instant, instant


def parse_agreed(text: str) -> Instant:
    """Return the instant that *text* means: `…Z`, `…+02:00`, or `…[Europe/Vienna]`.

    A local time that does not exist is shifted forward by the gap; one that exists twice is the
    first, unless an offset beside the zone says which (Calendars, quiet hours and held notices).

    Raises:
        ValueError: *text* is no date and time, or names an unknown zone.
    """
    stamp, bracket, zone = text.partition("[")
    moment = datetime.fromisoformat(stamp)
    if not bracket or moment.tzinfo is not None:
        return instant(moment)
    local = moment.replace(tzinfo=ZoneInfo(zone.rstrip("]")), fold=0)
    # In a gap the offset before the change, read as UTC, already lands after the change.
    return instant((local - (local.utcoffset() or timedelta(0))).replace(tzinfo=UTC))
