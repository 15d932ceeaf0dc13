"""Instants and durations as the pure code counts them: whole seconds, UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NewType

Instant = NewType("Instant", int)
"""A moment: whole seconds since 1970-01-01T00:00:00Z."""

Seconds = NewType("Seconds", int)
"""A length of time in whole seconds."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S: Final = 86_400
_KEPT: Final = 1 << 16


def instant(moment: datetime) -> Instant:
    """Return the second that *moment* falls into (fractions are cut, never rounded up).

    Raises:
        ValueError: *moment* has no time zone.
    """
    if moment.tzinfo is None:
        msg = f"{moment.isoformat()} has no time zone; only aware datetimes are instants"
        raise ValueError(msg)
    since = moment - EPOCH
    return Instant(since.days * _DAY_S + since.seconds)


def as_datetime(at: Instant) -> datetime:
    """Return *at* as an aware datetime in UTC."""
    return datetime.fromtimestamp(at, UTC)


@lru_cache(_KEPT)
def rfc3339(at: Instant) -> str:
    """Return *at* as text: `2026-03-02T10:00:00Z`."""
    return f"{datetime.fromtimestamp(at, UTC).isoformat()[:-6]}Z"


def parse_instant(text: str) -> Instant:
    """Return the second that an RFC 3339 text names, fractions cut.

    Raises:
        ValueError: *text* is no date and time, or has no `Z` and no offset.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is no date and time"
        raise ValueError(msg) from None
    return instant(moment)
