"""Which rule hears which event and which signal: the table of contents of the rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from services.escalator.core import keys
from services.escalator.core.rules import (
    acknowledging,
    conversation,
    declining,
    deescalation,
    facts,
    fingerprints,
    flagging,
    groups,
    membership,
    merging,
    observing,
    opening,
    recurrence,
    requests,
    returns,
    status,
    undoing,
    unreached,
    worsening,
)
from services.escalator.core.turn import Turn
from shared.contract.events import (
    CaseFlagged,
    CaseSnoozed,
    CaseUnflagged,
    EscalationAcknowledged,
    EscalationAssigned,
    EscalationDeclined,
    EscalationDeescalated,
    EscalationHandedOver,
    EscalationRequested,
    EscalationReturned,
    EscalationUnreached,
    InfoSupplied,
    StatusChanged,
    TicketEvent,
    TicketMerged,
    TicketMessage,
    TicketObserved,
    TicketOpened,
    TicketUnmerged,
    TicketUpdated,
)

if TYPE_CHECKING:
    from services.escalator.core.inputs import Heard, Signal

_OF_ESCALATIONS = (
    EscalationRequested,
    EscalationAcknowledged,
    EscalationReturned,
    EscalationDeclined,
    EscalationHandedOver,
    EscalationDeescalated,
    EscalationAssigned,
    EscalationUnreached,
    InfoSupplied,
    CaseSnoozed,
)
_OWN_OF_MERGED = (StatusChanged, TicketUnmerged, TicketMerged)


def hear(turn: Turn, heard: Heard) -> None:
    """Let the case of *turn* go through *heard*."""
    case = turn.case
    signal = heard.signal
    if signal is not None and case.kind == keys.WATCH:
        fingerprints.hear(turn, signal)
    elif signal is not None and case.kind == keys.GROUP and signal.event is None:
        groups.hear(turn, signal)
    elif signal is not None and signal.event is None:
        _hear_signal(turn, signal)
    elif case.kind in (keys.TICKET, keys.GROUP):
        _hear_event(turn, heard.said, heard.seen_tier)


def _hear_signal(turn: Turn, signal: Signal) -> None:
    case = turn.case
    match signal.kind:
        case "merge":
            merging.hear_offer(turn, signal)
        case "merged" | "merge_refused":
            merging.hear_answer(turn, signal)
        case "recurs":
            recurrence.open_again(turn, signal)
        case "join":
            was = worsening.before(turn)
            if membership.join(turn, signal):
                worsening.reclassify(turn, was)
        case "reply" if case.group == signal.sender:
            conversation.hear_reply(turn)
        case "priority" if case.group == signal.sender:
            was = worsening.before(turn)
            case.group_priority = str(signal.data["priority"])
            worsening.reclassify(turn, was)
        case "over" if case.group == signal.sender:
            case.group_open = False
            if signal.data["resolved"] and case.is_open:
                conversation.hear_reply(turn)
                status.change(turn, "resolved")
        case _:
            pass  # said to a member that has left, or before it came


def _hear_event(turn: Turn, event: TicketEvent, seen_tier: int | None) -> None:
    case, data = turn.case, event.data
    if case.opened_at is None:
        if case.kind == keys.TICKET and isinstance(data, TicketOpened | TicketObserved):
            opening.open_case(turn, data, reported_at=event.time)
            observing.note_opening(turn, data)
        return
    elsewhere = merging.takes(case)
    if elsewhere is not None and not (case.status == "merged" and isinstance(data, _OWN_OF_MERGED)):
        turn.send("routed", elsewhere, {}, event)
    elif case.group is not None and case.group_open and isinstance(data, _OF_ESCALATIONS):
        turn.send("routed", case.group, {}, event)
    else:
        _hear_own(turn, event, seen_tier)


def _hear_own(turn: Turn, event: TicketEvent, seen_tier: int | None) -> None:
    data = event.data
    if isinstance(data, EscalationRequested):
        requests.hear_request(turn, data, event.id, seen_tier)
        return
    rule = _RULES.get(type(data))
    if rule is not None:
        rule(turn, data, event.id)


def _hear_status(turn: Turn, data: StatusChanged, act_id: str) -> None:
    was = turn.case.status
    status.hear_status(turn, data, act_id)
    if was != turn.case.status == "cancelled":
        undoing.note(turn, act_id)


def _hear_opening_again(turn: Turn, data: TicketOpened, act_id: str) -> None:
    again = TicketUpdated.model_validate(data.model_dump(exclude_unset=True))
    facts.hear_update(turn, again, act_id)


_RULES: Final[dict[type, Callable[[Turn, Any, str], None]]] = {
    TicketMessage: conversation.hear_message,
    StatusChanged: _hear_status,
    TicketUpdated: facts.hear_update,
    TicketOpened: _hear_opening_again,
    TicketObserved: observing.hear_observed,
    TicketMerged: merging.hear_merge,
    EscalationAcknowledged: acknowledging.hear_acknowledgement,
    InfoSupplied: acknowledging.hear_information,
    EscalationReturned: returns.hear_return,
    EscalationHandedOver: returns.hear_hand_over,
    EscalationDeclined: declining.hear_decline,
    EscalationAssigned: declining.hear_assignment,
    EscalationDeescalated: deescalation.hear_deescalation,
    EscalationUnreached: unreached.hear_unreached,
    CaseFlagged: flagging.hear_flag,
    CaseUnflagged: flagging.hear_unflag,
    CaseSnoozed: flagging.hear_snooze,
}
"""Who hears what. An undo is struck out of the history (`undoing`); feedback moves no clock."""
