"""The statuses of a ticket, from what was said, what was decided, and what ends by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.contract.events import StatusChanged
from shared.contract.times import Instant
from shared.contract.vocabulary import Status
from shared.policy.local_time import parse_agreed

PAUSES: Final = frozenset({"waiting_customer", "scheduled_hold"})
"""Statuses that a customer's message ends."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A status from *at* on; a hold that ends by itself does so at *resumes*."""

    at: Instant
    status: str
    resumes: Instant | None = None


def statuses(marks: Iterable[Mark], wrote: Iterable[Instant]) -> list[tuple[Instant, str]]:
    """Return each status with the instant at which it began, in the order of time.

    Args:
        marks: What was decided, then what was said; of one instant the last holds.
        wrote: When the customer wrote.
    """
    letters, found = sorted(wrote), list[tuple[Instant, str]]()
    resumes: Instant | None = None
    for mark in sorted(marks, key=lambda one: one.at):
        over = _ends(found, letters, resumes)
        if over is not None and over < mark.at:
            found.append((over, "open"))
        if not found or found[-1][1] != mark.status:
            found.append((mark.at, mark.status))
            resumes = mark.resumes
    over = _ends(found, letters, resumes)
    return found if over is None else [*found, (over, "open")]


def said(at: Instant, data: StatusChanged) -> Mark:
    """Return the status that *data* says from *at* on."""
    return Mark(at, data.status.value, _resumes(data))


def _ends(
    found: list[tuple[Instant, str]], letters: list[Instant], resumes: Instant | None
) -> Instant | None:
    """Return when the last status of *found* ends by itself, None where it is no pause."""
    if not found or found[-1][1] not in PAUSES:
        return None
    since = found[-1][0]
    wrote = next((at for at in letters if at > since), None)
    return min((at for at in (wrote, resumes) if at is not None), default=None)


def _resumes(data: StatusChanged) -> Instant | None:
    if data.status is not Status.SCHEDULED_HOLD or data.resume_at is None:
        return None
    try:
        return parse_agreed(data.resume_at)
    except (ValueError, KeyError):
        return None
