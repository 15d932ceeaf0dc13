"""Flags that make a case stricter are set and taken away, and silence is asked for (Overrides)."""

from __future__ import annotations

from typing import Final

from services.escalator.core import people, staleness
from services.escalator.core.refusals import refuse
from services.escalator.core.rules import membership
from services.escalator.core.rules.worsening import before, reclassify
from services.escalator.core.turn import Turn
from shared.contract.events import CaseFlagged, CaseSnoozed, CaseUnflagged
from shared.contract.times import Instant, instant

LOWER: Final = "change_severity_down"
RAISE: Final = "change_severity_up"


def hear_flag(turn: Turn, data: CaseFlagged, act_id: str) -> None:
    """Set the flag; it is a worsening and shows as T20."""
    case, policy = turn.case, turn.policy
    if not case.is_open:
        refuse(turn, act_id, data.by, "ticket_not_open")
    elif data.flag not in policy.overrides:
        refuse(turn, act_id, data.by, "not_permitted", allowed=list(policy.overrides))
    elif not policy.may(data.role, RAISE):
        refuse(turn, act_id, data.by, "not_permitted", allowed=policy.permitted(RAISE))
    elif data.flag not in case.flags:
        was = before(turn)
        case.flags = (*case.flags, data.flag)
        membership.part(turn)
        reclassify(turn, was, flags=(data.flag,))
        membership.note(turn)


def hear_unflag(turn: Turn, data: CaseUnflagged, act_id: str) -> None:
    """Take the flag away; nothing goes down by itself."""
    case, policy = turn.case, turn.policy
    if not case.is_open:
        refuse(turn, act_id, data.by, "ticket_not_open")
    elif not policy.may(data.role, LOWER):
        refuse(turn, act_id, data.by, "not_permitted", allowed=policy.permitted(LOWER))
    elif data.flag in case.flags and data.flag in policy.overrides:
        was = before(turn)
        case.flags = tuple(flag for flag in case.flags if flag != data.flag)
        reclassify(turn, was)
        membership.note(turn)


def hear_snooze(turn: Turn, data: CaseSnoozed, act_id: str) -> None:
    """Let whoever has taken the case be silent for a while, as long as a note would have lasted.

    Only T19 waits; no promise to the customer and no call does.
    """
    case = turn.case
    if not case.is_open:
        refuse(turn, act_id, data.by, "ticket_not_open")
        return
    one = case.open_on("functional")
    if one is None or one.acknowledged_at is None:
        refuse(turn, act_id, data.by, "no_open_escalation")
        return
    allowed = people.eligible(one, turn.policy)
    if data.role not in allowed:
        refuse(turn, act_id, data.by, "not_permitted", allowed=allowed)
        return
    limit = turn.policy.stale_ack_after[case.priority]
    longest = turn.internal_calendar.due(turn.at, limit)
    if case.stale_since is not None:
        staleness.snooze(turn, Instant(min(instant(data.until), longest)))
