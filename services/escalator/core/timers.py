"""The promises to the customer: start, pause, carry, warn, breach, stop.

Four timers run on the calendar that the contract counts: `first_response`, `next_response`,
`customer_update` and `resolve` (Promises and warnings). What is used is exact: after a change of
allowance the same share stays used, as a fraction where it must be.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

from services.escalator.core.case import Share, Timer
from services.escalator.core.turn import Turn
from shared.contract.times import Instant, Seconds, rfc3339

PROMISES: Final = ("first_response", "next_response", "customer_update", "resolve")
WARNINGS: Final[dict[str, tuple[tuple[Fraction, str], ...]]] = {
    "first_response": ((Fraction(1, 2), "T01"), (Fraction(3, 4), "T02")),
    "resolve": ((Fraction(1, 2), "T08"), (Fraction(3, 4), "T09"), (Fraction(9, 10), "T10")),
}
BREACH: Final = {
    "first_response": "T03",
    "next_response": "T04",
    "customer_update": "T05",
    "resolve": "T11",
}


def allowance(turn: Turn, name: str) -> Seconds:
    """Return the promise *name* of the case's plan and priority, in seconds of its calendar."""
    case = turn.case
    promise: Seconds = getattr(turn.promise_policy.promise(case.plan, case.priority), name)
    return promise


def begin(turn: Turn, name: str) -> None:
    """Start the promise *name* afresh at this instant."""
    timer = Timer(name, turn.promise_calendar.name, allowance(turn, name), 0, turn.at, "running")
    turn.case.put(scheduled(turn, timer))


def used_at(turn: Turn, timer: Timer) -> Share:
    """Return how much of the allowance is used at this instant."""
    if timer.since is None:
        return timer.used
    calendar = turn.promise_policy.calendar(timer.calendar)
    return timer.used + calendar.consumed(timer.since, turn.at)


def pause(turn: Turn, name: str) -> None:
    """Let the running promise *name* stand still."""
    timer = turn.case.timers.get(name)
    if timer is not None and timer.state == "running":
        turn.case.put(timer.halted("paused", used_at(turn, timer)))


def resume(turn: Turn, name: str) -> None:
    """Let the promise *name* run again with the share that it has used."""
    timer = turn.case.timers.get(name)
    if timer is not None and timer.state != "running":
        turn.case.put(_rebased(turn, timer))


def stop(turn: Turn, name: str, *, kept: bool) -> None:
    """End the promise *name*; *kept* says that its stop arrived, so it is met unless breached."""
    timer = turn.case.timers.get(name)
    if timer is None or timer.state in ("met", "stopped"):
        return
    met = kept and not timer.breached
    ended = timer.halted("met" if met else "stopped", used_at(turn, timer), timer.due)
    turn.case.put(ended)
    if met:
        more = {"timer": name, "due": timer.due and rfc3339(timer.due)}
        turn.say("timer.met", [], more, arithmetic=[_sum(ended)])


def carry(turn: Turn) -> None:
    """Rebase what runs or is paused on the present promise, the used share unchanged."""
    for timer in turn.case.timers.values():
        if timer.state == "running":
            turn.case.put(_rebased(turn, timer.halted("paused", used_at(turn, timer))))
        elif timer.state == "paused":
            turn.case.put(_converted(turn, timer, timer.state, timer.since))


def restart_update(turn: Turn) -> None:
    """Begin the wait for the next public word to the customer, if it is promised now."""
    stop(turn, "customer_update", kept=True)
    if _updates_run(turn):
        begin(turn, "customer_update")
        if turn.policy.treatment(turn.case.status, "customer_update") == "pause":
            pause(turn, "customer_update")
    else:
        turn.case.drop("customer_update")


def refresh_update(turn: Turn) -> None:
    """Let the wait for the next public word run or stand still after a change of tier or cell.

    It never runs before the first reply, and on P3 and P4 only above tier 1.
    """
    name = "customer_update"
    treatment = turn.policy.treatment(turn.case.status, name)
    timer = turn.case.timers.get(name)
    if not _updates_run(turn) or treatment == "pause":
        pause(turn, name)
    elif treatment == "run" and timer is None:
        begin(turn, name)
    elif treatment == "run":
        resume(turn, name)


def _updates_run(turn: Turn) -> bool:
    case = turn.case
    # The news to members is the group's to give.
    replied = case.first_reply_at is not None and case.group is None
    return replied and turn.promise_policy.update_runs_for(case.priority, case.tier)


def reschedule(turn: Turn) -> None:
    """Find the next warning of every promise again, after the rows of the policy have changed."""
    for timer in turn.case.timers.values():
        if timer.next_at is not None:
            turn.case.put(_with_next(turn, timer, timer.mark, timer.due))


def fire(turn: Turn, timer: Timer) -> None:
    """Announce what is due of *timer* at this instant: a warning, or the breach."""
    name = timer.name
    if timer.due is not None and timer.due <= turn.at:
        breached = timer._replace(breached=True, next_at=None)
        turn.case.put(breached)
        _announce(turn, breached, "timer.breached", BREACH[name], Fraction(1))
        return
    share, trigger = WARNINGS[name][timer.mark]
    turn.case.put(_with_next(turn, timer, timer.mark + 1, timer.due))
    _announce(turn, timer, "timer.warned", trigger, share)


def scheduled(turn: Turn, timer: Timer) -> Timer:
    """Return the running *timer* with its due instant and its next warning or breach."""
    if timer.breached or timer.since is None:
        return timer._replace(next_at=None)
    left = max(0, ceil(timer.allowance - timer.used))
    calendar = turn.promise_policy.calendar(timer.calendar)
    due = calendar.due(timer.since, Seconds(left))
    marks = WARNINGS.get(timer.name, ())
    # Only rows above the share that is already used fire after a change (Promises and warnings).
    mark = 0
    for share, _ in marks:
        mark += share.numerator * timer.allowance <= timer.used * share.denominator
    return _with_next(turn, timer, mark, due)


def _with_next(turn: Turn, timer: Timer, mark: int, due: Instant | None) -> Timer:
    """Return *timer*, due at *due*, with its next warning from the one numbered *mark* on."""
    marks = WARNINGS.get(timer.name, ())
    while mark < len(marks):
        share, trigger = marks[mark]
        asked = share in turn.policy.warn_at and turn.policy.trigger(trigger, turn.case.priority)
        if asked and timer.since is not None:
            part = -(-share.numerator * timer.allowance // share.denominator)
            exact = isinstance(timer.used, int)
            left = part - timer.used if exact else ceil(share * timer.allowance - timer.used)
            need = Seconds(max(0, ceil(left)))
            at = turn.promise_policy.calendar(timer.calendar).due(timer.since, need)
            return timer.awaiting(mark, due, at)
        mark += 1
    return timer.awaiting(mark, due, due)


def _converted(turn: Turn, timer: Timer, state: str, since: Instant | None) -> Timer:
    """Return the halted *timer* on the present allowance and calendar, its share kept."""
    promised = allowance(turn, timer.name)
    used = timer.used
    if promised != timer.allowance:
        used = _whole(Fraction(used) * promised / timer.allowance)
    calendar = turn.promise_calendar.name
    return Timer(
        timer.name,
        calendar,
        promised,
        used,
        since,
        state,
        timer.breached,
        timer.mark,
        timer.due,
        timer.next_at,
    )


def _rebased(turn: Turn, timer: Timer) -> Timer:
    return scheduled(turn, _converted(turn, timer, "running", turn.at))


def _whole(value: Fraction) -> Share:
    return value.numerator if value.denominator == 1 else value


def _announce(turn: Turn, timer: Timer, kind: str, trigger: str, share: Fraction) -> None:
    row = turn.policy.trigger(trigger, turn.case.priority)
    more: dict[str, Any] = {
        "timer": timer.name,
        "share": float(share),
        "due": timer.due and rfc3339(timer.due),
        "notify": [],
    }
    line = _sum(timer._replace(used=used_at(turn, timer), since=None))
    effect = turn.say(kind, [trigger] if row else [], more, arithmetic=[line])
    turn.ask(trigger, effect, arithmetic=(line,))


def _sum(timer: Timer) -> str:
    used, given = floor(timer.used), timer.allowance
    percent = float(timer.used * 100 / given)
    return (
        f"{timer.name}: {used} s of {given} s used on calendar {timer.calendar} = {percent:.2f} %"
    )


def state_of(timer: Timer) -> str:
    """Return the state that the contract names: a breach outlives the running on."""
    return "breached" if timer.breached else timer.state


def described(timer: Timer, used: Share) -> dict[str, Any]:
    """Return the entry of *timer* in `timers[]`: due rounded up, used rounded down."""
    standing = timer.state == "paused" and not timer.breached
    return {
        "name": timer.name,
        "due": None if standing or timer.due is None else rfc3339(timer.due),
        "calendar": timer.calendar,
        "state": state_of(timer),
        "used_s": floor(used),
        "allowance_s": timer.allowance,
    }


def earliest(timers: dict[str, Timer]) -> Instant | None:
    """Return the next instant at which any promise has something to announce."""
    return min((t.next_at for t in timers.values() if t.next_at is not None), default=None)
