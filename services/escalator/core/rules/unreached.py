"""The notifier could tell nobody for a role: its step is skipped (Ladders and acknowledgement)."""

from __future__ import annotations

from services.escalator.core import calls, departments
from services.escalator.core.case import Escalation, swap
from services.escalator.core.escalations import call
from services.escalator.core.rules.acts import find
from services.escalator.core.turn import Turn
from shared.contract.acts import EscalationAct
from shared.contract.events import EscalationUnreached


def hear_unreached(turn: Turn, data: EscalationUnreached, _act_id: str) -> None:
    """Skip the step that calls only people out of reach, and say once that this needs repair."""
    if not turn.case.is_open:
        return
    one = find(turn, EscalationAct(escalation_id=data.escalation_id))
    if one is None:
        return
    _alert(turn, one, str(data.code), data.role)
    one = turn.case.by_id(one.id) or one
    if data.role in one.unreached:
        return
    known = one._replace(unreached=(*one.unreached, data.role))
    swap(turn.case, one, known)
    if known.acknowledged_by is not None:
        return
    if known.track == "external":
        if known.ack_due is not None and not known.overdue and data.role in known.people:
            departments.overdue(turn, known)
    else:
        skip(turn, known)


def skip(turn: Turn, one: Escalation) -> None:
    """Make the next calls of *one* now while the present step has nobody who can be reached.

    What was left of the step is taken off the rest of the ladder.
    """
    while (later := calls.without_step(turn, one)) is not None:
        swap(turn.case, one, later)
        call(turn, later)
        one = turn.case.by_id(later.id) or later


def _alert(turn: Turn, one: Escalation, code: str, role: str) -> None:
    if code in one.alerts:
        return
    swap(turn.case, one, one._replace(alerts=(*one.alerts, code)))
    effect = turn.say("config.alert", (), {"code": code, "detail": {"role": role}})
    entry = {"role": "escalation_manager", "mode": "chat", "fyi": False}
    turn.tell(effect, [entry], turn.internal_calendar)
