"""The engine: a case and an input into a case and decisions. No I/O, no clock, no chance.

`hear` takes an event, `fire` lets time pass, `next_due` says until when nothing can happen by
itself. An event that cannot simply be appended needs the ticket's history: `hear` answers None, and
`rehear` folds the history with it. All of them return a new case and leave the old one as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.escalator.core import agenda
from services.escalator.core.case import SOURCE_EVENT, TIMERS, Case, dump, restore
from services.escalator.core.fold import advance, apply
from services.escalator.core.inputs import Heard, hear_of
from services.escalator.core.late import place_of_receipt, refold
from services.escalator.core.snapshot import snapshot
from services.escalator.core.wire import Decision, encode_decision, publish
from shared.contract.events import TicketOpened
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline

__all__ = [
    "Case",
    "Decided",
    "Decision",
    "Heard",
    "count_duplicate",
    "dump",
    "encode_decision",
    "fire",
    "hear",
    "hear_of",
    "new_case",
    "next_due",
    "rehear",
    "restore",
    "snapshot",
]


@dataclass(frozen=True, slots=True)
class Decided:
    """The case after an input, and the decisions that the input led to, in version order."""

    case: Case
    decisions: tuple[Decision, ...]


def new_case(ticket: str) -> Case:
    """Return the case of *ticket* before anything has been heard of it."""
    return Case(ticket=ticket)


def hear(case: Case, heard: Heard, policies: PolicyTimeline, now: Instant) -> Decided | None:
    """Take the next event of the ticket.

    Timers due before the event counts fire first. Decisions say how late they are at *now*.

    Returns:
        The case and the decisions, or None where the event is late or out of order: then the
        caller must use `rehear` with the history.
    """
    work = case.copy()
    opening = isinstance(heard.event.data, TicketOpened)
    if case.opened_at is None and not opening:
        work.waiting += 1
        return Decided(work, ())
    if case.waiting and opening and case.opened_at is None:
        return None
    if heard.order < case.horizon or (case.opened_at or heard.effective) > heard.effective:
        return None
    effects = advance(work, (heard.effective, SOURCE_EVENT, -1), policies)
    late = heard.received > heard.effective
    if late and effects:
        return None
    effects += apply(work, heard, policies)
    if late and (
        _due_before(work, heard.received, policies) or _due_before(case, heard.received, policies)
    ):
        return None
    return Decided(work, publish(work, effects, now))


def rehear(
    case: Case,
    history: Sequence[Heard],
    heard: Heard,
    policies: PolicyTimeline,
    now: Instant,
) -> Decided:
    """Take an event that came late or out of order, given the ticket's whole *history* before it."""
    # What was due before the event reached us has been decided without it, and is said first.
    work = case.copy()
    effects = advance(work, place_of_receipt(case, heard), policies)
    folded = refold(work, history, heard, policies, now)
    return Decided(folded.case, publish(folded.case, [*effects, *folded.effects], now))


def fire(case: Case, until: Instant, policies: PolicyTimeline, now: Instant) -> Decided:
    """Let time pass up to and including *until*; decisions say how late they are at *now*."""
    work = case.copy()
    effects = advance(work, (until, TIMERS, 1), policies)
    return Decided(work, publish(work, effects, now))


def next_due(case: Case, policies: PolicyTimeline) -> Instant | None:
    """Return the next instant at which the case has something to do by itself, or None."""
    return agenda.next_due(case, policies)


def count_duplicate(case: Case) -> Case:
    """Return *case* with one more repeated delivery counted."""
    work = case.copy()
    work.duplicates += 1
    return work


def _due_before(case: Case, instant: Instant, policies: PolicyTimeline) -> bool:
    due = agenda.next_due(case, policies)
    return due is not None and due < instant
