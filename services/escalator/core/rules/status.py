"""Statuses: which clocks stand still, what a pause needs, how a case ends (Pauses)."""

from __future__ import annotations

from typing import Any, Final

from services.escalator.core import dwell, executives, timers
from services.escalator.core.case import CLOSED_STATUSES
from services.escalator.core.escalations import end_all
from services.escalator.core.refusals import refuse
from services.escalator.core.rules import membership, reopening, waiting
from services.escalator.core.turn import Turn
from shared.contract.events import StatusChanged
from shared.contract.times import Instant
from shared.policy.local_time import parse_agreed

PAUSES: Final = frozenset({"waiting_customer", "scheduled_hold"})


def hear_status(turn: Turn, data: StatusChanged, act_id: str) -> None:
    """Take a change of status; a pause whose guards are not met is refused and changes nothing."""
    case, wanted = turn.case, str(data.status)
    if case.status in (wanted, "merged"):
        return
    if case.status == "cancelled" or (case.is_group and not case.is_open):
        refuse(turn, act_id, data.by, "ticket_not_open")
        return
    if wanted == "merged":
        return  # a helpdesk's own word for what `ticket.merged` says
    if case.status in ("resolved", "closed") and wanted not in CLOSED_STATUSES:
        reopening.reopen(turn, wanted)
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
    if wanted != "scheduled_hold":
        case.resume_at = None
    if wanted in CLOSED_STATUSES:
        _close(turn, wanted, was_open=before not in CLOSED_STATUSES)
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


def _close(turn: Turn, wanted: str, *, was_open: bool) -> None:
    case = turn.case
    done = wanted in ("resolved", "closed")
    for name in timers.PROMISES:
        timers.stop(turn, name, kept=done and name == "resolve")
    if done and case.resolved_at is None:
        case.resolved_at, case.resolver_tier = turn.at, case.tier
    case.dwell_due = None
    executives.stop(turn)
    end_all(turn, "resolved" if done else "withdrawn", None if done else wanted)
    if case.is_group:
        membership.close_group(turn)
        return
    turn.say("case.closed", (), {"from": case.cell, "to": case.cell, "status": wanted})
    if was_open:
        membership.note_closed(turn)


def _unmet(turn: Turn, data: StatusChanged, wanted: str) -> list[str]:
    """Return what the policy's guard of the pause asks for and does not find."""
    case = turn.case
    met: dict[str, Any] = {
        "public_question_in_same_action": case.question_at == turn.at,
        "customer_contact": case.is_group or "requester" in case.facts,
        "customer_agreement_ref": bool(data.customer_agreement_ref),
        "resume_at": _in_time(turn, data, wanted),
    }
    return [need for need in turn.policy.pause_needs(wanted) if not met[need]]


def _resume_at(data: StatusChanged) -> Instant | None:
    try:
        return None if data.resume_at is None else parse_agreed(data.resume_at)
    except (ValueError, KeyError):
        return None


def _in_time(turn: Turn, data: StatusChanged, wanted: str) -> bool:
    """A date in the past, or further away than the longest pause, counts as missing."""
    resume = _resume_at(data)
    longest = turn.policy.longest_pause(wanted)
    if resume is None or resume <= turn.at:
        return False
    return longest is None or resume <= turn.at + longest
