"""How long the customer has been silent, and when the next step of the wait is due (Pauses)."""

from __future__ import annotations

from services.escalator.core.turn import Turn
from shared.contract.times import Instant


def schedule(turn: Turn) -> None:
    """Work out when the next step of the present wait is due, if there is one."""
    turn.case.waiting_due = _due(turn)


def reschedule(turn: Turn) -> None:
    """Follow the steps of a new priority; those that lie in the past by now are left out."""
    case = turn.case
    if case.waiting_due is None and case.waiting_step == 0:
        return
    case.waiting_step = 0
    schedule(turn)
    while case.waiting_due is not None and case.waiting_due <= turn.at:
        case.waiting_step += 1
        schedule(turn)


def _due(turn: Turn) -> Instant | None:
    case = turn.case
    if case.status != "waiting_customer" or case.status_since is None:
        return None
    wait = turn.policy.waiting_customer_steps(case.priority, case.region)
    if case.waiting_step >= len(wait.steps):
        return None
    return wait.calendar.due(case.status_since, wait.steps[case.waiting_step].after)
