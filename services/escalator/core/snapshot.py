"""A case as others see it: its timers, and the whole of it on one line (`case.snapshot`)."""

from __future__ import annotations

from typing import Any

from services.escalator.core import dwell, standing, timers
from services.escalator.core.case import BEGINNING, Case, Escalation
from services.escalator.core.turn import Turn
from shared.contract.times import Instant, rfc3339
from shared.policy.document import PolicyTimeline


def timer_list(turn: Turn) -> list[dict[str, Any]]:
    """Return `timers[]` as it stands at this instant; timers not begun are absent."""
    case = turn.case
    listed = [
        timers.described(case.timers[name], timers.used_at(turn, case.timers[name]))
        for name in timers.PROMISES
        if name in case.timers
    ]
    stay = dwell.described(turn)
    return listed if stay is None else [*listed, stay]


def snapshot(case: Case, at: Instant, policies: PolicyTimeline) -> dict[str, Any]:
    """Return the flat JSON object of *case* at *at*, which is not before anything it went through."""
    turn = Turn(case, at, policies, policies.at(at), BEGINNING)
    paused = (
        at - (case.status_since or at)
        if case.status in ("waiting_customer", "scheduled_hold")
        else 0
    )
    return {
        "type": "case.snapshot",
        "at": rfc3339(at),
        "ticket": case.ticket,
        "version": case.version,
        "status": case.status,
        "tier": case.tier,
        "priority": case.priority,
        "cell": {"severity": case.severity, "impact": case.impact},
        "flags": _flags(turn),
        "owner": case.facts.get("owner"),
        "escalations": [_described(one) for one in case.escalations],
        "timers": timer_list(turn),
        "counters": {
            "reopens": case.reopens,
            "hops": case.hops,
            "returns": case.returns,
            "duplicates": case.duplicates,
            "retracted": case.retracted + case.retracted_late,
            "paused_s": case.paused_s + paused,
        },
        "group": case.group,
        "merged_into": case.merged_into,
        **_crowd(case),
    }


def _flags(turn: Turn) -> list[str]:
    case = turn.case
    marks = (("vip", case.vip), ("restricted", standing.is_restricted(turn)))
    return [*case.flags, *(name for name, holds in marks if holds)]


def _crowd(case: Case) -> dict[str, Any]:
    crowd = case.crowd
    return {} if crowd is None else {"members": crowd.members, "taken_out": crowd.taken_out}


def _described(one: Escalation) -> dict[str, Any]:
    return {
        "escalation_id": one.id,
        "track": one.track,
        "target": one.target,
        "tier": one.tier,
        "raised_at": rfc3339(one.raised_at),
        "ack_due": None if one.ack_due is None else rfc3339(one.ack_due),
        "triggers": list(one.triggers),
        "acknowledged_by": one.acknowledged_by,
    }
