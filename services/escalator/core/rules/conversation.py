"""What people write: replies stop promises, customers start them and end pauses."""

from __future__ import annotations

from services.escalator.core import timers
from services.escalator.core.rules import reopening, status
from services.escalator.core.turn import Turn
from shared.contract.events import TicketMessage


def hear_message(turn: Turn, data: TicketMessage) -> None:
    """Take a message: of an agent, of the customer, or of a system (which changes nothing)."""
    if data.auto_submitted:
        return
    if data.author == "customer":
        _hear_customer(turn)
    elif data.author == "agent" and data.public:
        _hear_reply(turn, asks=bool(data.asks_customer))


def _hear_customer(turn: Turn) -> None:
    case = turn.case
    if case.status in ("resolved", "closed"):
        if not reopening.in_window(turn):
            return
        reopening.reopen(turn, "open")
    elif not case.is_open:
        return
    elif turn.policy.ends_on_customer_message(case.status):
        status.change(turn, "open")
    timer = case.timers.get("next_response")
    unanswered = timer is not None and timer.state in ("running", "paused")
    if case.first_reply_at is not None and not unanswered:
        timers.begin(turn, "next_response")


def _hear_reply(turn: Turn, *, asks: bool) -> None:
    case = turn.case
    if asks:
        case.question_at = turn.at
    if not case.is_open:
        return
    if case.first_reply_at is None:
        case.first_reply_at = turn.at
    case.last_reply_at = turn.at
    timers.stop(turn, "first_response", kept=True)
    timers.stop(turn, "next_response", kept=True)
    timers.restart_update(turn)
