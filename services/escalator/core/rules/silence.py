"""What a wait leads to: reminders, a lead's look, and the date that ends a hold (Pauses)."""

from __future__ import annotations

from services.escalator.core.rules import status, waiting
from services.escalator.core.turn import Turn
from shared.contract.times import rfc3339


def fire(turn: Turn) -> None:
    """Take the step of the wait that is due, and end a hold whose date has come."""
    case, at = turn.case, turn.at
    if case.resume_at is not None and case.resume_at <= at:
        case.resume_at = None
        status.change(turn, "open")
    while case.waiting_due is not None and case.waiting_due <= at:
        _step(turn)


def _step(turn: Turn) -> None:
    case = turn.case
    wait = turn.policy.waiting_customer_steps(case.priority, case.region)
    step = wait.steps[case.waiting_step]
    case.waiting_step += 1
    waiting.schedule(turn)
    since = case.status_since or turn.at
    line = f"{step.after} s on calendar {wait.calendar.name} since {rfc3339(since)}"
    more = {
        "timer": "waiting_customer",
        "share": None,
        "due": rfc3339(turn.at),
        "step": step.action,
    }
    effect = turn.say("timer.warned", [], more, arithmetic=[line])
    if step.action == "auto_resolve":
        status.change(turn, "resolved")
        return
    role = "owner" if step.action == "remind" else f"t{case.tier}_lead"
    notify = [{"role": role, "mode": "chat", "fyi": False}]
    turn.tell(effect, notify, turn.internal_calendar)
