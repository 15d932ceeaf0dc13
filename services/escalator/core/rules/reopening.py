"""A resolved case comes back: same case, same allowance, its tier entered anew (Reopening)."""

from __future__ import annotations

from typing import Final

from services.escalator.core import departments, dwell, standing, timers
from services.escalator.core.rules import membership
from services.escalator.core.snapshot import timer_list
from services.escalator.core.turn import Turn
from shared.contract.times import rfc3339

ROWS: Final = {1: "T12", 2: "T13"}
LAST_ROW: Final = "T14"


def in_window(turn: Turn) -> bool:
    """Whether a customer's message still reopens the case rather than starting another."""
    resolved_at = turn.case.resolved_at
    return resolved_at is not None and turn.at <= resolved_at + turn.policy.reopen_window


def reopen(turn: Turn, status: str) -> None:
    """Reopen the case in *status* at the tier that resolved it, never below its start."""
    case = turn.case
    since = case.resolved_at or turn.at
    case.status, case.status_since, case.waiting_step = status, turn.at, 0
    case.resolved_at = None
    case.reopens += 1
    membership.note_reopened(turn)
    case.priority = standing.priority(turn)
    dwell.enter(turn, max(case.resolver_tier, standing.start_tier(turn)))
    timers.carry(turn)
    timers.resume(turn, "resolve")
    if case.first_reply_at is None:
        timers.resume(turn, "first_response")
    timers.refresh_update(turn)
    more = {"from": case.cell, "to": case.cell, "timers": timer_list(turn)}
    line = (
        f"resolved {rfc3339(since)} at tier {case.resolver_tier}; reopening number {case.reopens}"
    )
    turn.say("case.reopened", (), more, arithmetic=[line])
    trigger = ROWS.get(case.reopens, LAST_ROW)
    turn.ask(trigger, always=True, arithmetic=(line,))
    row = turn.policy.trigger(trigger, case.priority)
    names = [*standing.cell_departments(turn), *standing.flag_departments(turn)]
    mode = standing.cell(turn).mode if row is None else row.mode
    departments.ask_all(turn, names, (trigger,), mode)
    membership.note(turn)
