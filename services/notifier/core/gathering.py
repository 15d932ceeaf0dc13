"""When the next digest about a group goes to a person: at most every so often (Groups).

The first goes at once; what comes until the next may go is gathered for it.
"""

from collections.abc import Iterable, MutableMapping
from dataclasses import replace
from datetime import datetime, timedelta

from services.notifier.core.known import Decided
from services.notifier.core.plan import DIGEST, Planned

Slots = MutableMapping[tuple[str, str], datetime]
"""When the newest digest went or goes, by what it is about and to whom."""


def about_of(decision: Decided) -> str | None:
    """Return the group that *decision* tells digests of, if it does."""
    digest = decision.data.get("digest")
    return None if digest is None else str(digest["about"])


def gathered(
    decision: Decided, rows: Iterable[Planned], slots: Slots, now: datetime
) -> tuple[Planned, ...]:
    """Return *rows*, its digests held until theirs may go, and note in *slots* when that is."""
    about = about_of(decision)
    if about is None:
        return tuple(rows)
    digest = decision.data["digest"]
    every = timedelta(seconds=int(digest["every_s"]))
    placed = []
    for row in rows:
        if row.role == digest["role"] and row.mode == DIGEST and row.suppressed is None:
            place = about, row.person or ""
            ready = max(now, row.hold_until or now)
            slots[place] = goes_at(slots.get(place), every, ready)
            held = slots[place] if slots[place] > now else None
            row = replace(row, hold_until=held)  # noqa: PLW2901  the same row, with its time
        placed.append(row)
    return tuple(placed)


def goes_at(newest: datetime | None, every: timedelta, ready: datetime) -> datetime:
    """Return when what is *ready* goes, the *newest* digest having gone or being to go then."""
    if newest is None or newest + every <= ready:
        return ready
    return newest if newest >= ready else newest + every
