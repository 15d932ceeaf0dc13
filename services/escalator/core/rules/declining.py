"""A department says that a request is not its own, or is given one that nobody took (Departments)."""

from __future__ import annotations

from typing import Final

from services.escalator.core import departments, people
from services.escalator.core.case import Escalation
from services.escalator.core.escalations import end
from services.escalator.core.refusals import refuse
from services.escalator.core.rules.acts import is_open, meant
from services.escalator.core.rules.returns import hop
from services.escalator.core.turn import Turn
from shared.contract.events import EscalationAssigned, EscalationDeclined

DECLINE: Final = ("decline",)
ASSIGN: Final = "assign_against_decline"
_LAST_DECLINE: Final = 2


def hear_decline(turn: Turn, data: EscalationDeclined, act_id: str) -> None:
    """Ask the department that is proposed instead; after the second decline it is an orphan."""
    own = people.department_of(data.role, turn.policy)
    if data.department is None and data.escalation_id is None and own is not None:
        data = data.model_copy(update={"department": own})
    one = meant(turn, data, act_id, track="external")
    if one is None:
        return
    code = _flaw(turn, one, data)
    if code is not None:
        allowed = _seats(turn, one) if code == "not_permitted" else []
        refuse(turn, act_id, data.by, code, allowed=allowed)
        return
    missing = _missing(turn, one, data)
    if missing:
        others = [name for name in turn.policy.departments if name != one.target]
        refuse(turn, act_id, data.by, "missing_information", missing=missing, allowed=others)
        return
    end(turn, one, "declined", detail=data.reason_code, by=data.by, proposed=data.to)
    if one.declines + 1 >= _LAST_DECLINE:
        departments.orphan(turn, DECLINE)
    else:
        again = departments.Request(debt=one.debt, declines=one.declines + 1)
        departments.ask(turn, data.to or "", DECLINE, one.mode, again)
    hop(turn)


def hear_assignment(turn: Turn, data: EscalationAssigned, act_id: str) -> None:
    """Give the orphan to a department, which cannot decline it."""
    if not is_open(turn, data, act_id):
        return
    one = turn.case.department(people.ORPHAN)
    if one is None:
        refuse(turn, act_id, data.by, "no_open_escalation")
    elif not turn.policy.may(data.role, ASSIGN):
        allowed = turn.policy.permitted(ASSIGN)
        refuse(turn, act_id, data.by, "not_permitted", allowed=allowed)
    elif data.to not in turn.policy.departments:
        known = list(turn.policy.departments)
        refuse(turn, act_id, data.by, "missing_information", missing=["to"], allowed=known)
    else:
        end(turn, one, "superseded", detail="assigned", by=data.by)
        departments.ask(turn, data.to, ("manual",), one.mode, departments.Request(binding=True))


def _flaw(turn: Turn, one: Escalation, data: EscalationDeclined) -> str | None:
    if one.track != "external" or data.role not in _seats(turn, one):
        return "not_permitted"
    if one.binding:
        return "assigned_cannot_decline"
    if one.acknowledged_by is not None:
        return "already_acknowledged"
    late = one.ack_due is not None and turn.at > one.ack_due
    return "not_permitted" if late else None


def _missing(turn: Turn, one: Escalation, data: EscalationDeclined) -> list[str]:
    proposed = data.to in turn.policy.departments and data.to != one.target
    given = {"reason_code": bool(data.reason_code), "proposed_department": proposed}
    return [name for name in turn.policy.file.department_rules.decline.needs if not given[name]]


def _seats(turn: Turn, one: Escalation) -> list[str]:
    if one.track != "external" or one.target == people.ORPHAN:
        return []
    return people.seats(turn.policy.department(one.target))
