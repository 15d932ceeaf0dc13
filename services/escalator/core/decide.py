"""The engine on one case: a case and an input into a case, decisions and signals.

`hear` takes an event or a signal, `fire` lets time pass, `next_due` says until when nothing can
happen by itself. An input that cannot simply be appended needs the case's history: `hear` answers
None, and `rehear` folds the history with it. All of them return a new case and leave the old one as
it was. No I/O, no clock, no chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.escalator.core import agenda, keys
from services.escalator.core.case import TIMERS, Case
from services.escalator.core.fold import Told, advance, answers_unopened, apply, opens
from services.escalator.core.inputs import Heard, Signal, dump_heard, hear_of, restore_heard
from services.escalator.core.late import place_of_receipt, refold
from services.escalator.core.rules import fingerprints, groups, undoing
from services.escalator.core.snapshot import snapshot
from services.escalator.core.storing import dump, restore
from services.escalator.core.wire import Decision, encode_decision, publish
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline

__all__ = [
    "Case",
    "Decided",
    "Decision",
    "Heard",
    "count_duplicate",
    "dump",
    "dump_heard",
    "encode_decision",
    "fire",
    "hear",
    "hear_of",
    "needs_history",
    "new_case",
    "next_due",
    "rehear",
    "restore",
    "restore_heard",
    "snapshot",
]


class Decided(NamedTuple):
    """The case after an input, the decisions that it led to, in version order, and the signals."""

    case: Case
    decisions: tuple[Decision, ...]
    signals: Sequence[Signal]


def new_case(key: str) -> Case:
    """Return the case *key* before anything has been heard of it."""
    return Case(ticket=key, kind=keys.kind_of(key))


def hear(
    case: Case,
    heard: Heard,
    policies: PolicyTimeline,
    now: Instant,
    cause: str | None = None,
) -> Decided | None:
    """Take the next event of the ticket, or a signal to it.

    Timers due before it counts fire first. Decisions say how late they are at *now*, and, but for
    those timers', that the event *cause* led to them.

    Returns:
        What comes of it, or None where it is late or out of order: then the caller must use
        `rehear` with the history.
    """
    if heard.order < case.horizon and _commutes(case, heard):
        return _appended(case, heard, policies, now, cause)
    if needs_history(case, heard):
        return None
    work, told = case.copy(), Told()
    if case.kind == keys.TICKET and case.opened_at is None and not opens(heard):
        work.waiting += 1
        if not answers_unopened(heard):
            return Decided(work, (), ())
    due = None if case.pending else agenda.next_due(case, policies)
    nothing = due is None or (due, TIMERS, 0, 0) >= heard.order
    fired = not (nothing and not case.pending) and advance(work, heard.order, policies, told)
    late = heard.received > heard.effective
    if (late and fired) or undoing.strikes(work, heard, policies) is not None:
        return None
    by_time = len(told.effects)
    apply(work, heard, policies, told)
    told.caused_by(cause, by_time)
    if late and any(_due_before(one, heard.received, policies) for one in (work, case)):
        return None
    return _decided(work, told, now)


def needs_history(case: Case, heard: Heard) -> bool:
    """Whether it shows at once, without trying, that *case* cannot have *heard* appended."""
    if heard.signal is not None and heard.signal.gone:
        return True
    if case.opened_at is None:
        opening = case.kind == keys.TICKET and opens(heard)
        return heard.order < case.horizon or bool(opening and case.waiting)
    return heard.order < case.horizon or heard.effective < case.opened_at


def _appended(
    case: Case, heard: Heard, policies: PolicyTimeline, now: Instant, cause: str | None
) -> Decided:
    """Take what comes late and changes nothing that has happened since."""
    work, told = case.copy(), Told()
    apply(work, heard, policies, told)
    told.caused_by(cause, 0)
    work.horizon = case.horizon
    return _decided(work, told, now)


def rehear(
    case: Case,
    history: Sequence[Heard],
    late: Sequence[Heard],
    policies: PolicyTimeline,
    now: Instant,
    cause: str | None = None,
) -> Decided:
    """Take what came late or out of order, given the case's whole *history* before it.

    Both come in the order in which they were heard. All that is said anew or taken back by it the
    event *cause* led to.
    """
    # What was due before it reached us has been decided without it, and is said first.
    work, told = case.copy(), Told()
    advance(work, place_of_receipt(case, late), policies, told)
    folded = refold(_with(work, told), history, late, policies, now)
    by_time = len(told.effects)
    told.effects += folded.told.effects
    told.caused_by(cause, by_time)
    told.signals += folded.told.signals
    told.fanouts = folded.told.fanouts
    return _decided(folded.case, told, now)


def fire(case: Case, until: Instant, policies: PolicyTimeline, now: Instant) -> Decided:
    """Let time pass up to and including *until*; decisions say how late they are at *now*."""
    work, told = case.copy(), Told()
    advance(work, (until, TIMERS, 1, 0), policies, told)
    return _decided(work, told, now)


def next_due(case: Case, policies: PolicyTimeline) -> Instant | None:
    """Return the next instant at which the case has something to do by itself, or None."""
    return agenda.next_due(case, policies)


def count_duplicate(case: Case) -> Case:
    """Return *case* with one more repeated delivery counted."""
    work = case.copy()
    work.duplicates += 1
    return work


def _decided(work: Case, told: Told, now: Instant) -> Decided:
    if told.fanouts:
        work.pending = (*work.pending, *told.fanouts)
    return Decided(work, publish(work, told.effects, now), told.signals)


def _with(work: Case, told: Told) -> Case:
    """Return *work* with the news of *told* among what its members have not been told yet."""
    if told.fanouts:
        work.pending = (*work.pending, *told.fanouts)
    return work


def _commutes(case: Case, heard: Heard) -> bool:
    if heard.signal is None or heard.signal.gone:
        return False
    if case.kind == keys.WATCH:
        return fingerprints.commutes(case, heard)
    return case.kind == keys.GROUP and groups.commutes(case, heard)


def _due_before(case: Case, instant: Instant, policies: PolicyTimeline) -> bool:
    due = agenda.next_timer(case, policies)
    return due is not None and due < instant
