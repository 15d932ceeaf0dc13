"""Somebody takes an escalation, or supplies what it still owes (Ladders and acknowledgement)."""

from __future__ import annotations

from services.escalator.core import departments, escalations, information, people
from services.escalator.core.refusals import refuse
from services.escalator.core.rules.acts import is_open, meant
from services.escalator.core.turn import Turn
from shared.contract.events import EscalationAcknowledged, InfoSupplied


def hear_acknowledgement(turn: Turn, data: EscalationAcknowledged, act_id: str) -> None:
    """Let an eligible person own the escalation; of two, the first received does."""
    one = meant(turn, data, act_id)
    if one is None or one.raised_at > turn.at:
        return  # an escalation that came back wants a new acknowledgement
    allowed = people.eligible(one, turn.policies.version(one.policy_version))
    if data.role not in allowed:
        refuse(turn, act_id, data.by, "not_eligible", allowed=allowed)
    elif one.acknowledged_by is not None:
        facts = {"acknowledged_by": one.acknowledged_by}
        refuse(turn, act_id, data.by, "already_acknowledged", facts=facts)
    else:
        escalations.acknowledge(turn, one, data.by, data.role)
        information.take(turn, data.info)
        taken = turn.case.by_id(one.id)
        if taken is not None and taken.track == "external":
            departments.expect_update(turn, taken)


def hear_information(turn: Turn, data: InfoSupplied, act_id: str) -> None:
    """Take fields that were owed; a debt that is paid in full is settled (Information debt)."""
    if is_open(turn, data, act_id):
        information.take(turn, data.info)
