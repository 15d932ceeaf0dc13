"""A resolved case comes back: same case, same allowance, its tier entered anew (Reopening)."""

from __future__ import annotations

from typing import Final

from services.escalator.core import dwell, timers
from services.escalator.core.rules.opening import call_departments
from services.escalator.core.snapshot import timer_list
from services.escalator.core.turn import Turn

ROWS: Final = {1: "T12", 2: "T13"}
LAST_ROW: Final = "T14"


def in_window(turn: Turn) -> bool:
    """Whether a customer's message still reopens the case rather than starting another."""
    resolved_at = turn.case.resolved_at
    return resolved_at is not None and turn.at <= resolved_at + turn.policy.reopen_window


def reopen(turn: Turn, status: str) -> None:
    """Reopen the case in *status* at the tier that resolved it, never below its cell's start."""
    case = turn.case
    cell = turn.policy.cell(case.severity, case.impact)
    case.status, case.status_since, case.waiting_step = status, turn.at, 0
    case.resolved_at = None
    case.reopens += 1
    dwell.enter(turn, max(case.resolver_tier, cell.start_tier))
    timers.resume(turn, "resolve")
    if case.first_reply_at is None:
        timers.resume(turn, "first_response")
    timers.refresh_update(turn)
    more = {"from": case.cell, "to": case.cell, "timers": timer_list(turn)}
    line = f"reopened for the {case.reopens}. time; resolved at tier {case.resolver_tier}"
    turn.say("case.reopened", [], more, arithmetic=[line])
    trigger = ROWS.get(case.reopens, LAST_ROW)
    turn.ask(trigger, always=True, arithmetic=(line,))
    call_departments(turn, (trigger,))
