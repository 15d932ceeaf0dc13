"""Acts of people on escalations, each checked in the policy's order before it changes anything."""

from __future__ import annotations

from services.escalator.core import escalations, people
from services.escalator.core.case import Escalation
from services.escalator.core.refusals import refuse
from services.escalator.core.turn import Turn
from shared.contract.events import EscalationAcknowledged, InfoSupplied


def hear_acknowledgement(turn: Turn, data: EscalationAcknowledged, act_id: str) -> None:
    """Let an eligible person own the escalation (Ladders and acknowledgement).

    Checked in this order: case open, escalation open, right, not yet acknowledged.
    """
    if not turn.case.is_open:
        refuse(turn, act_id, data.by, "ticket_not_open")
        return
    one = _meant(turn, data.escalation_id, data.track, data.department)
    if one is None:
        refuse(turn, act_id, data.by, "no_open_escalation")
        return
    allowed = people.eligible(one.track, one.target, one.tier, (role for role, _ in one.called))
    if data.role not in allowed:
        refuse(turn, act_id, data.by, "not_eligible", allowed=allowed)
    elif one.acknowledged_by is not None:
        refuse(turn, act_id, data.by, "already_acknowledged")
    else:
        escalations.acknowledge(turn, one, data.by, data.role)


def hear_information(turn: Turn, data: InfoSupplied) -> None:
    """Take the fields that were owed; a debt that is paid in full is settled (Information debt)."""
    given = [name for name, value in (data.info or {}).items() if value not in (None, "", [])]
    turn.case.info = tuple(dict.fromkeys([*turn.case.info, *given]))
    escalations.settle_debts(turn)


def _meant(
    turn: Turn, escalation_id: str | None, track: str | None, department: str | None
) -> Escalation | None:
    """Return the open escalation that an act speaks of; by default the functional one."""
    if escalation_id is not None:
        return next((e for e in turn.case.escalations if e.id == escalation_id), None)
    if track == "external":
        return escalations.open_department(turn, department or "")
    return turn.case.open_on(track or "functional")
