"""What a case waits for, and what happens when the wait is over: timers are inputs."""

from __future__ import annotations

from services.escalator.core import departments, dwell, executives, rows, staleness, timers
from services.escalator.core.case import Case
from services.escalator.core.escalations import call, notice
from services.escalator.core.rules import debts, silence, unreached
from services.escalator.core.turn import Turn
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline


def next_due(case: Case, policies: PolicyTimeline) -> Instant | None:
    """Return the next instant at which *case* has something to do by itself, or None.

    News that has not reached all members of a group is due since it was told.
    """
    return Instant(case.pending[0].order[0]) if case.pending else next_timer(case, policies)


def next_timer(case: Case, policies: PolicyTimeline) -> Instant | None:
    """Return the next instant at which a timer of *case* is due, or None.

    It is asked for before and after every input, so the case remembers the answer (`forget`).
    """
    known = case.due_known
    if known is None or known[0] is not policies:
        known = (policies, _next_timer(case, policies))
        # Beside the fields, since it is nothing that is stored or compared.
        case.__dict__["due_known"] = known
    return known[1]


def forget(case: Case) -> None:
    """Let the working copy *case*, which has gone through something, work out anew what is due."""
    case.__dict__.pop("due_known", None)


def _next_timer(case: Case, policies: PolicyTimeline) -> Instant | None:
    if not case.is_open:
        return None
    waits = [
        case.dwell_due,
        case.stale_due,
        case.exec_inform_due,
        case.exec_decide_due,
        case.waiting_due,
        case.resume_at,
        policies.next_activation(case.rules_since),
    ]
    waits += [timer.next_at for timer in case.timers.values()]
    for one in case.escalations:
        if one.call is not None:
            waits.append(one.call.due)
        if one.debt is not None:
            waits.append(one.debt.due)
        if one.track == "external":
            if one.acknowledged_at is None and not one.overdue:
                waits.append(one.ack_due)
            waits.append(one.update_due)
    return min([at for at in waits if at is not None], default=None)


def fire_instant(turn: Turn) -> None:
    """Do everything of the case that is due at this instant, as one."""
    case, at = turn.case, turn.at
    if case.rules_version != turn.policy.version:
        _take_new_rules(turn)
    case.rules_since = at
    silence.fire(turn)
    if not case.is_open:
        return
    for name in timers.PROMISES:
        timer = case.timers.get(name)
        while timer is not None and timer.next_at is not None and timer.next_at <= at:
            timers.fire(turn, timer)
            timer = case.timers.get(name)
    if case.dwell_due is not None and case.dwell_due <= at:
        dwell.fire(turn)
    if case.stale_due is not None and case.stale_due <= at:
        staleness.fire(turn)
    _tell_executives(turn)
    departments.fire(turn)
    rows.settle(turn)
    debts.fire(turn)
    for one in case.escalations:
        if one.call is not None and one.call.due <= at:
            call(turn, one)
            called = case.by_id(one.id)
            if called is not None and called.unreached:
                unreached.skip(turn, called)


def _take_new_rules(turn: Turn) -> None:
    """Follow the newest version from now on; the customer's promise stays (Policy versions)."""
    turn.case.rules_version = turn.policy.version
    dwell.schedule(turn, worse=False)
    executives.schedule(turn, grace=turn.policy.past_due_grace)
    staleness.schedule(turn)
    timers.reschedule(turn)


def _tell_executives(turn: Turn) -> None:
    case, at = turn.case, turn.at
    if case.exec_inform_due is not None and case.exec_inform_due <= at:
        case.exec_inform_due, case.exec_informed = None, True
        one = case.open_on("functional")
        row = turn.policy.trigger("T22", case.priority)
        if one is not None:
            told = [{"role": "exec_oncall", "mode": "email", "fyi": True}]
            notice(turn, one, None, ["T22"] if row else [], told, [_since(turn)])
    if case.exec_decide_due is not None and case.exec_decide_due <= at:
        case.exec_decide_due, case.exec_decided = None, True
        turn.ask("T22", arithmetic=(_since(turn),))


def _since(turn: Turn) -> str:
    case = turn.case
    base = case.exec_base or turn.at
    return f"{turn.at - base} s since the raise in cell {case.cell}"
