"""What a case waits for, and what happens when the wait is over: timers are inputs."""

from __future__ import annotations

from services.escalator.core import dwell, executives, rows, timers
from services.escalator.core.case import Case
from services.escalator.core.escalations import call, claim_debt, notice
from services.escalator.core.rules import silence
from services.escalator.core.turn import Turn
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline


def next_due(case: Case, policies: PolicyTimeline) -> Instant | None:
    """Return the next instant at which *case* has something to do by itself, or None."""
    if case.opened_at is None or not case.is_open:
        return None
    found = (
        timers.earliest(case.timers),
        case.dwell_due,
        case.exec_inform_due,
        case.exec_decide_due,
        case.waiting_due,
        case.resume_at,
        policies.next_activation(case.rules_since),
        *(one.call.due for one in case.escalations if one.call is not None),
        *(one.debt.due for one in case.escalations if one.debt is not None),
    )
    return min((at for at in found if at is not None), default=None)


def fire_instant(turn: Turn) -> None:
    """Do everything of the case that is due at this instant, as one."""
    case, at = turn.case, turn.at
    if case.rules_version != turn.policy.version:
        _take_new_rules(turn)
    case.rules_since = at
    silence.fire(turn)
    for name in timers.PROMISES:
        timer = case.timers.get(name)
        while timer is not None and timer.next_at is not None and timer.next_at <= at:
            timers.fire(turn, timer)
            timer = case.timers.get(name)
    if case.dwell_due is not None and case.dwell_due <= at:
        dwell.fire(turn)
    _tell_executives(turn)
    rows.settle(turn)
    for one in case.escalations:
        if one.debt is not None and one.debt.due <= at:
            claim_debt(turn, one)
    for one in case.escalations:
        if one.call is not None and one.call.due <= at:
            call(turn, one)


def _take_new_rules(turn: Turn) -> None:
    """Follow the newest version from now on; the customer's promise stays (Policy versions)."""
    turn.case.rules_version = turn.policy.version
    dwell.schedule(turn, worse=False)
    executives.schedule(turn)
    timers.reschedule(turn)


def _tell_executives(turn: Turn) -> None:
    case, at = turn.case, turn.at
    if case.exec_inform_due is not None and case.exec_inform_due <= at:
        case.exec_inform_due, case.exec_informed = None, True
        one = case.open_on("functional")
        if one is not None:
            told = [{"role": "exec_oncall", "mode": "email", "fyi": True}]
            notice(turn, one, None, ["T22"], told, [_since(turn)])
    if case.exec_decide_due is not None and case.exec_decide_due <= at:
        case.exec_decide_due, case.exec_decided = None, True
        turn.ask("T22", arithmetic=(_since(turn),))


def _since(turn: Turn) -> str:
    case = turn.case
    base = case.exec_base or turn.at
    return f"{turn.at - base} s since the raise in cell {case.cell}"
