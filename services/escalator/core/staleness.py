"""Acknowledged, and then silence: T19 asks whether anybody is at work.

The wait counts on the internal calendar from the acknowledgement of the functional escalation, or
from the last progress note after it. It comes once for each silence; a progress note begins the
next wait, and somebody who has said until when they will be silent (`case.snoozed`) has until then.
"""

from __future__ import annotations

from services.escalator.core.turn import Turn
from shared.contract.times import Instant, rfc3339


def begin(turn: Turn) -> None:
    """Wait from this instant on for a progress note."""
    turn.case.stale_since = turn.at
    schedule(turn)


def stop(turn: Turn) -> None:
    """Wait for nothing any more."""
    turn.case.stale_since = turn.case.stale_due = turn.case.snoozed_until = None


def note_progress(turn: Turn) -> None:
    """Begin the wait anew, if somebody has taken the functional escalation."""
    one = turn.case.open_on("functional")
    if one is not None and one.acknowledged_at is not None:
        turn.case.snoozed_until = None
        begin(turn)


def snooze(turn: Turn, until: Instant) -> None:
    """Let the present wait end at *until* at the earliest."""
    turn.case.snoozed_until = until
    schedule(turn)


def schedule(turn: Turn) -> None:
    """Work out the end of the present wait anew, for the present priority and calendar."""
    case = turn.case
    if case.stale_since is None:
        case.stale_due = None
        return
    limit = turn.policy.stale_ack_after[case.priority]
    due = turn.internal_calendar.due(case.stale_since, limit)
    case.stale_due = max(due, case.snoozed_until or due, turn.at)


def fire(turn: Turn) -> None:
    """Let T19 ask; the next wait begins with the next progress note."""
    case = turn.case
    since = case.stale_since or turn.at
    limit = turn.policy.stale_ack_after[case.priority]
    case.stale_since = case.stale_due = None
    line = (
        f"no progress note since {rfc3339(since)}; {case.priority} may be silent for {limit} s "
        f"on calendar {turn.internal_calendar.name}"
    )
    turn.ask("T19", arithmetic=(line,))
