"""What people write: replies stop promises, customers start them and end pauses."""

from __future__ import annotations

from typing import Final

from services.escalator.core import departments, people, staleness, timers
from services.escalator.core.rules import recurrence, reopening, status
from services.escalator.core.turn import Turn
from shared.contract.events import TicketMessage

ONLY_THANKS: Final = "only_thanks"
"""A key of a customer's message that marks it as mere thanks."""


def hear_message(turn: Turn, data: TicketMessage, _act_id: str) -> None:
    """Take a message: of an agent, of the customer, or of a system (which changes nothing)."""
    if data.auto_submitted:
        return
    if data.author == "customer":
        if not turn.case.is_group:
            _hear_customer(turn, data)
    elif data.author == "agent":
        if data.note_kind == "progress":
            _hear_progress(turn, data.role)
        if data.public:
            hear_reply(turn, asks=data.asks_customer)


def hear_reply(turn: Turn, *, asks: bool = False) -> None:
    """Take a public reply of a person; a group's reaches all its members."""
    case = turn.case
    if asks:
        case.question_at = turn.at
    if not case.is_open:
        return
    if case.first_reply_at is None:
        case.first_reply_at = turn.at
    timers.stop(turn, "first_response", kept=True)
    timers.stop(turn, "next_response", kept=True)
    timers.restart_update(turn)
    if case.is_group:
        turn.tell_members("reply", {})


def _hear_customer(turn: Turn, data: TicketMessage) -> None:
    case = turn.case
    if case.status in ("resolved", "closed"):
        if (data.model_extra or {}).get(ONLY_THANKS) is True:
            return
        if not reopening.in_window(turn):
            recurrence.begin_another(turn)
            return
        reopening.reopen(turn, "open")
    elif not case.is_open:
        return
    elif turn.policy.ends_on_customer_message(case.status):
        status.change(turn, "open")
    case.news_at = turn.at
    timer = case.timers.get("next_response")
    unanswered = timer is not None and timer.state in ("running", "paused")
    if case.first_reply_at is not None and not unanswered:
        timers.begin(turn, "next_response")
    if data.wants_manager:
        turn.ask("T16", arithmetic=("the customer asked for a manager",))


def _hear_progress(turn: Turn, role: str | None) -> None:
    """A department's note is its report; anybody else's says that the case is being worked on."""
    if not turn.case.is_open:
        return
    department = people.department_of(role, turn.policy)
    if department is not None:
        departments.note_update(turn, department)
        return
    turn.case.hops_without_news = 0
    staleness.note_progress(turn)
