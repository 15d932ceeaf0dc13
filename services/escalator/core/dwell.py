"""How long a case may stay in its tier before it moves on by itself (Dwell).

Time in the tier is counted on the present internal calendar since the tier was entered, less
pauses, against the present limit. Nothing is carried over.
"""

from __future__ import annotations

from typing import Any, Final

from services.escalator.core.turn import Turn
from shared.contract.times import Seconds, rfc3339

TRIGGER: Final = {1: "T06", 2: "T07"}


def limit(turn: Turn) -> Seconds | None:
    """Return the longest stay in the present tier, or None where there is no limit.

    A case that was returned has only so long to be put right; a member of a group waits with it.
    """
    case = turn.case
    if case.group is not None:
        return None
    if case.fix_by is not None:
        return case.fix_by
    cell = turn.policy.cell(case.severity, case.impact)
    longest = {1: cell.t1_max, 2: cell.t2_max}.get(case.tier)
    return None if longest is None else turn.policy.dwell(longest, case.plan, vip=case.vip)


def used(turn: Turn) -> Seconds:
    """Return the time spent in the present tier until now, less pauses."""
    case, calendar = turn.case, turn.internal_calendar
    spent: int = calendar.consumed(case.tier_entered, turn.at)
    for start, end in case.pauses:
        spent -= calendar.consumed(start, turn.at if end is None else end)
    return Seconds(spent)


def enter(turn: Turn, tier: int, *, fix_by: Seconds | None = None) -> None:
    """Put the case into *tier* now; its stay there begins anew, limited by *fix_by* if given."""
    case = turn.case
    case.tier = tier
    case.fix_by = fix_by
    case.tier_entered = turn.at
    case.pauses = ((turn.at, None),) if _standing(turn) else ()
    case.dwell_fired = False
    case.dwell_due = case.dwell_grace = None
    schedule(turn, worse=False)


def schedule(turn: Turn, *, worse: bool) -> None:
    """Work out when the stay in the tier ends, after anything it depends on has changed.

    A limit that is already past ends it at once where the case got *worse*, otherwise after the
    grace that the policy gives (Policy versions).
    """
    case = turn.case
    case.dwell_limit = limit(turn)
    if case.dwell_limit is None or case.dwell_fired or not case.is_open or _standing(turn):
        case.dwell_due = None
        return
    left = case.dwell_limit - used(turn)
    if left > 0:
        case.dwell_grace = None
        case.dwell_due = turn.internal_calendar.due(turn.at, Seconds(left))
    elif worse:
        case.dwell_due = turn.at
    else:
        if case.dwell_grace is None:
            grace = turn.policy.past_due_grace
            case.dwell_grace = turn.internal_calendar.due(turn.at, grace)
        case.dwell_due = max(case.dwell_grace, turn.at)


def stand_still(turn: Turn) -> None:
    """Note the beginning of a pause; the stay in the tier is not counted until `go_on`."""
    turn.case.pauses = (*turn.case.pauses, (turn.at, None))
    turn.case.dwell_due = None


def go_on(turn: Turn) -> None:
    """Note the end of a pause."""
    case = turn.case
    if case.pauses and case.pauses[-1][1] is None:
        case.pauses = (*case.pauses[:-1], (case.pauses[-1][0], turn.at))
    schedule(turn, worse=True)


def fire(turn: Turn) -> None:
    """Let the row of the tier's limit ask: T06 for tier 1, T07 for tier 2."""
    case = turn.case
    case.dwell_fired = True
    case.dwell_due = None
    line = (
        f"tier {case.tier}: {used(turn)} s of {case.dwell_limit} s used on calendar "
        f"{turn.internal_calendar.name} since {rfc3339(case.tier_entered)}"
    )
    turn.ask(TRIGGER[case.tier], arithmetic=(line,))


def described(turn: Turn) -> dict[str, Any] | None:
    """Return the entry of the stay in `timers[]`, or None where the tier has no limit."""
    case = turn.case
    if case.dwell_limit is None or case.opened_at is None:
        return None
    if case.dwell_fired:
        state = "breached"
    elif not case.is_open:
        state = "stopped"
    else:
        state = "paused" if _standing(turn) else "running"
    return {
        "name": "tier_dwell",
        "due": None if case.dwell_due is None else rfc3339(case.dwell_due),
        "calendar": turn.internal_calendar.name,
        "state": state,
        "used_s": used(turn),
        "allowance_s": case.dwell_limit,
    }


def _standing(turn: Turn) -> bool:
    return turn.policy.treatment(turn.case.status, "tier_dwell") == "pause"
