"""Statuses: which clocks stand still, what a pause needs, how a case ends (Pauses)."""

from __future__ import annotations

from typing import Any, Final

from services.escalator.core import dwell, executives, timers
from services.escalator.core.case import CLOSED_STATUSES
from services.escalator.core.escalations import end_all
from services.escalator.core.local_time import parse_agreed
from services.escalator.core.refusals import refuse
from services.escalator.core.rules import reopening, waiting
from services.escalator.core.turn import Turn
from shared.contract.events import StatusChanged
from shared.contract.times import Instant

PAUSES: Final = frozenset({"waiting_customer", "scheduled_hold"})


def hear_status(turn: Turn, data: StatusChanged, act_id: str) -> None:
    """Take a change of status; a pause whose guards are not met is refused and changes nothing."""
    case, wanted = turn.case, str(data.status)
    if case.status in ("resolved", "closed") and wanted not in CLOSED_STATUSES:
        reopening.reopen(turn, wanted)
        return
    if case.status in ("merged", "cancelled") or wanted == case.status:
        return
    missing = _unmet(turn, data, wanted)
    if missing:
        refuse(turn, act_id, data.by, "pause_guard", missing=missing)
        return
    case.resume_at = _resume_at(data) if wanted == "scheduled_hold" else None
    change(turn, wanted)


def change(turn: Turn, wanted: str) -> None:
    """Put the case into the status *wanted*, its clocks as the policy treats them there."""
    case = turn.case
    before, case.status = case.status, wanted
    if before in PAUSES:
        case.paused_s += turn.at - (case.status_since or turn.at)
        dwell.go_on(turn)
    case.status_since, case.waiting_step = turn.at, 0
    waiting.schedule(turn)
    if wanted in CLOSED_STATUSES:
        _close(turn, wanted)
        return
    for name in timers.PROMISES:
        _treat(turn, name, wanted)
    if wanted in PAUSES:
        dwell.stand_still(turn)


def _treat(turn: Turn, name: str, wanted: str) -> None:
    treatment = turn.policy.treatment(wanted, name)
    if name == "next_response" and wanted in PAUSES:
        treatment = "stop"
    if name == "customer_update" and treatment != "stop":
        timers.refresh_update(turn)
    elif treatment == "pause":
        timers.pause(turn, name)
    elif treatment == "stop":
        timers.stop(turn, name, kept=False)
    elif name in turn.case.timers and turn.case.timers[name].state == "paused":
        timers.resume(turn, name)


def _close(turn: Turn, wanted: str) -> None:
    case = turn.case
    already = case.resolved_at is not None
    for name in timers.PROMISES:
        timers.stop(turn, name, kept=name == "resolve" and wanted in ("resolved", "closed"))
    if wanted in ("resolved", "closed") and not already:
        case.resolved_at, case.resolver_tier = turn.at, case.tier
    case.dwell_due = None
    executives.stop(turn)
    end_all(
        turn,
        "resolved" if wanted in ("resolved", "closed") else "withdrawn",
        None if wanted in ("resolved", "closed") else wanted,
    )
    turn.say("case.closed", [], {"from": case.cell, "to": case.cell, "status": wanted})


def _unmet(turn: Turn, data: StatusChanged, wanted: str) -> list[str]:
    """Return what the policy's guard of the pause asks for and does not find."""
    case = turn.case
    met: dict[str, Any] = {
        "public_question_in_same_action": case.question_at == turn.at,
        "customer_contact": "requester" in case.facts,
        "customer_agreement_ref": bool(data.customer_agreement_ref),
        "resume_at": _in_time(turn, data, wanted),
    }
    return [need for need in turn.policy.pause_needs(wanted) if not met[need]]


def _resume_at(data: StatusChanged) -> Instant | None:
    return None if data.resume_at is None else parse_agreed(data.resume_at)


def _in_time(turn: Turn, data: StatusChanged, wanted: str) -> bool:
    """A date in the past, or further away than the longest pause, counts as missing."""
    resume = _resume_at(data)
    longest = turn.policy.longest_pause(wanted)
    return resume is not None and turn.at < resume <= turn.at + (longest or 0)
