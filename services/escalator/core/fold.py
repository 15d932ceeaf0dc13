"""The case as a fold of its history: one event, one instant of timers, or all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.escalator.core import agenda, rows
from services.escalator.core.case import TIMERS, Case, Order
from services.escalator.core.inputs import Heard
from services.escalator.core.rules import acts, conversation, facts, opening, status
from services.escalator.core.turn import Effect, Turn
from shared.contract.events import (
    EscalationAcknowledged,
    InfoSupplied,
    StatusChanged,
    TicketMessage,
    TicketOpened,
    TicketUpdated,
)
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline

OPENING_RANK = -1


@dataclass(frozen=True, slots=True)
class Folded:
    """A case and everything that was decided on the way, in order, without versions."""

    case: Case
    effects: list[Effect]


def apply(case: Case, heard: Heard, policies: PolicyTimeline) -> list[Effect]:
    """Let the working copy *case* go through *heard*, and return what was decided."""
    at = heard.effective
    turn = _turn(case, at, policies)
    _hear(turn, heard)
    rows.settle(turn)
    case.rules_since = max(case.rules_since, case.opened_at or at)
    case.horizon = max(case.horizon, heard.order)
    return turn.effects


def advance(case: Case, before: Order, policies: PolicyTimeline) -> list[Effect]:
    """Fire everything of the working copy *case* that is due before the place *before*."""
    effects: list[Effect] = []
    while True:
        due = agenda.next_due(case, policies)
        if due is None or (due, TIMERS, 0) >= before:
            return effects
        turn = _turn(case, due, policies)
        agenda.fire_instant(turn)
        case.horizon = max(case.horizon, (due, TIMERS, 0))
        effects += turn.effects


def fold(blank: Case, history: Iterable[Heard], before: Order, policies: PolicyTimeline) -> Folded:
    """Return the case that *history* makes of *blank*, with all timers before *before* fired.

    Events stamped before the opening count from it; a history without an opening makes nothing.
    """
    case = blank.copy()
    effects: list[Effect] = []
    for heard in in_order(history):
        effects += advance(case, heard.order, policies)
        effects += apply(case, heard, policies)
    effects += advance(case, before, policies)
    return Folded(case, effects)


def in_order(history: Iterable[Heard]) -> list[Heard]:
    """Return *history* in its effective order, the opening first; empty without an opening."""
    ordered = sorted(history, key=lambda one: one.order)
    first = next((one for one in ordered if isinstance(one.event.data, TicketOpened)), None)
    if first is None:
        return []
    start = first.effective
    rest = [
        replace(one, effective=start) if one.effective < start else one
        for one in ordered
        if one is not first
    ]
    return [first, *sorted(rest, key=lambda one: one.order)]


def _turn(case: Case, at: Instant, policies: PolicyTimeline) -> Turn:
    return Turn(case, at, policies, policies.at(at), dict(case.restored))


def _hear(turn: Turn, heard: Heard) -> None:
    event = heard.event
    match event.data:
        case TicketOpened() as data if turn.case.opened_at is None:
            opening.open_case(turn, data)
        case TicketOpened() as data:
            facts.hear_update(turn, TicketUpdated.model_validate(data.model_dump()), event.id)
        case TicketUpdated() as data:
            facts.hear_update(turn, data, event.id)
        case TicketMessage() as data:
            conversation.hear_message(turn, data)
        case StatusChanged() as data:
            status.hear_status(turn, data, event.id)
        case EscalationAcknowledged() as data:
            acts.hear_acknowledgement(turn, data, event.id)
        case InfoSupplied() as data:
            acts.hear_information(turn, data)
        case _:
            pass  # kept in the history; it moves no clock and calls nobody
