"""From tier 1 straight to tier 3: who may, and with whose approval (Refusals)."""

from __future__ import annotations

from typing import Final

from services.escalator.core import standing
from services.escalator.core.refusals import refuse
from services.escalator.core.rows import HIGHEST_TIER
from services.escalator.core.turn import Turn
from shared.contract.events import Approval, EscalationRequested
from shared.contract.times import instant
from shared.policy.roles import of_tier

_SECOND_STEP: Final = 1


def allowed(turn: Turn, data: EscalationRequested, act_id: str, wanted: int) -> bool:
    """Whether the request may go to tier *wanted*; refuse it if it would skip tier 2 unduly."""
    if wanted < HIGHEST_TIER or not _skips(turn, data) or _free(turn):
        return True
    code = _flaw(turn, data, data.approved_by)
    if code is None:
        return True
    offered = ["t2", "approval"] if code == "tier_skip_not_allowed" else []
    refuse(turn, act_id, data.by, code, allowed=offered)
    return False


def _skips(turn: Turn, data: EscalationRequested) -> bool:
    """Whether tier 2 would have no say: from tier 1, or by tier 1 before tier 2 has answered."""
    case = turn.case
    if case.tier < HIGHEST_TIER - 1:
        return True
    one = case.open_on("functional")
    return (
        one is not None
        and one.target == f"t{HIGHEST_TIER - 1}"
        and one.acknowledged_by is None
        and data.role in of_tier(1)
    )


def _free(turn: Turn) -> bool:
    """Whether the policy lets such a case skip without approval (`allowed_if`)."""
    case = turn.case
    one = case.open_on("functional")
    held = {
        "priority_P1": case.priority == "P1",
        "any_override_with_min_tier_3": any(
            override.min_tier == HIGHEST_TIER for override in standing.overrides(turn)
        ),
        "t2_unacknowledged_past_ladder_step_2": one is not None
        and one.target == "t2"
        and one.acknowledged_by is None
        and one.step >= _SECOND_STEP,
    }
    return any(held[word] for word in turn.policy.file.permissions.skip_tier_2.allowed_if)


def _flaw(turn: Turn, data: EscalationRequested, approval: Approval | None) -> str | None:
    """Return the code for what is wrong with the approval, or None."""
    if approval is None:
        return "tier_skip_not_allowed"
    if approval.by == data.by:
        return "approval_by_self"
    if not turn.policy.may(approval.role, "approve_skip"):
        return "tier_skip_not_allowed"
    if turn.at > instant(approval.at) + turn.policy.approval_expires:
        return "approval_expired"
    return None
