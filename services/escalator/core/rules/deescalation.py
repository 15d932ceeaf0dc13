"""A case leaves its tier downwards, one at a time, after it has been quiet (De-escalation)."""

from __future__ import annotations

from typing import Any, Final

from services.escalator.core import information, standing
from services.escalator.core.case import Left
from services.escalator.core.escalations import end, move
from services.escalator.core.refusals import refuse
from services.escalator.core.rules.acts import is_open
from services.escalator.core.rules.worsening import CANDIDATE
from services.escalator.core.turn import Turn
from shared.contract.events import EscalationDeescalated
from shared.contract.times import Instant, parse_instant, rfc3339

RIGHT: Final = "de_escalate"
_EVIDENCE: Final = "evidence_of_stability"


def hear_deescalation(turn: Turn, data: EscalationDeescalated, act_id: str) -> None:
    """Let the case go one tier down if everything that the policy asks for is there."""
    if not is_open(turn, data, act_id):
        return
    case, policy = turn.case, turn.policy
    if case.tier == 1 or not policy.may(data.role, RIGHT, tier=case.tier):
        allowed = [] if case.tier == 1 else policy.permitted(RIGHT)
        refuse(turn, act_id, data.by, "not_permitted", allowed=allowed)
        return
    info = dict(data.info or {})
    since = _since(info.get(_EVIDENCE))
    if since is None:
        info.pop(_EVIDENCE, None)
    missing = [name for name in policy.forms[RIGHT] if name not in information.given(info)]
    if missing or since is None:
        refuse(turn, act_id, data.by, "missing_information", missing=missing, facts={"form": RIGHT})
        return
    over = _observed_until(turn, since)
    if turn.at < over:
        refuse(
            turn,
            act_id,
            data.by,
            "observation_not_over",
            allowed=[rfc3339(over)],
            facts={"observe_until": rfc3339(over)},
        )
        return
    _go_down(turn, data.by, over)


def remembered(turn: Turn) -> int | None:
    """Return the highest tier that the case left so lately that it goes straight back, or None."""
    memory = turn.policy.recurrence_memory
    tiers = [one.tier for one in turn.case.left if turn.at <= one.at + memory[one.priority]]
    return max(tiers, default=None)


def _go_down(turn: Turn, by: str | None, over: Instant) -> None:
    case = turn.case
    one = case.open_on("functional")
    if one is not None:
        end(turn, one, "de_escalated", by=by)
    case.left = (*case.left, Left(case.tier, turn.at, case.priority))
    line = f"quiet until {rfc3339(over)}, as {case.highest_priority} asks for"
    move(turn, case.tier - 1, (), kind="manual", arithmetic=[line])
    if case.tier <= standing.start_tier(turn):
        case.flags = tuple(flag for flag in case.flags if flag != CANDIDATE)


def _observed_until(turn: Turn, since: Instant) -> Instant:
    """Return when the observation is over, by the highest priority that the case has had."""
    case, policy = turn.case, turn.policy
    base = max(since, case.news_at or since)
    calendar = policy.internal_calendar(
        case.severity, case.highest_priority, case.plan, case.region
    )
    return calendar.due(base, policy.observe_window[case.highest_priority])


def _since(evidence: Any) -> Instant | None:
    """Return since when the case is said to be stable, or None where nothing usable is said."""
    try:
        return parse_instant(evidence["since"])
    except (TypeError, KeyError, ValueError):
        return None
