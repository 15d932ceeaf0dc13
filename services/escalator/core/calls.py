"""Who is called next while nobody has acknowledged (Ladders and acknowledgement).

Ladder time is internal business time since the raise, plus what skipped steps have taken off.
Inside a step the same people are called again every `renotify`; after the last step the `then`
part goes on until somebody acknowledges.
"""

from __future__ import annotations

from services.escalator.core import people
from services.escalator.core.case import Call, Escalation
from services.escalator.core.turn import Turn
from shared.contract.times import Instant, Seconds
from shared.policy.calendars import Calendar
from shared.policy.document import Addressee, Ladder, Policy


def ladder_of(one: Escalation, policy: Policy) -> Ladder | None:
    """Return the ladder that *one* climbs, or None where the same people are called again."""
    return None if one.ladder is None else policy.ladder(one.ladder)


def calendar_of(turn: Turn, one: Escalation) -> Calendar:
    """Return the calendar of the calls of *one*: the internal calendar at its raise."""
    return turn.policies.version(one.policy_version).calendar(one.calendar)


def next_mark(
    one: Escalation, policy: Policy, mark: Seconds, step: int
) -> tuple[Seconds, int] | None:
    """Return mark and step of the call after the one at *mark* in *step*; None when none is left."""
    ladder = ladder_of(one, policy)
    if ladder is None:
        return _repeat(one, policy, mark)
    then = (ladder.then_from, len(ladder.steps))
    if step >= len(ladder.steps):
        return Seconds(mark + ladder.then_every), step
    here = ladder.steps[step]
    following = (ladder.steps[step + 1].after, step + 1) if step + 1 < len(ladder.steps) else then
    again = mark + ladder.renotify
    asks = any(not addressee.fyi for addressee in here.to)
    return (Seconds(again), step) if asks and again < following[0] else following


def people_of(one: Escalation, policy: Policy, step: int) -> tuple[tuple[Addressee, str], ...]:
    """Return whom the call in *step* of *one* reaches, each with the mode."""
    ladder = ladder_of(one, policy)
    if ladder is None:
        return tuple((Addressee(role, fyi=False), one.mode) for role in one.people)
    if step >= len(ladder.steps):
        return tuple((addressee, ladder.then_mode) for addressee in ladder.then_to)
    here = ladder.steps[step]
    return tuple((addressee, here.mode) for addressee in here.to)


def first_call(turn: Turn, one: Escalation) -> Escalation:
    """Return *one* with its first call after the raise set."""
    return _with_call(turn, one, Seconds(0), 0)


def after_call(turn: Turn, one: Escalation, call: Call) -> Escalation:
    """Return *one* after *call* was made, with the following one set."""
    return _with_call(turn, one, call.mark, call.step)


def without_step(turn: Turn, one: Escalation) -> Escalation | None:
    """Return *one* with its next step called now, what was left of the present one taken off.

    None where the present step still has somebody who can be reached, or is the last.
    """
    policy = turn.policies.version(one.policy_version)
    ladder = ladder_of(one, policy)
    if ladder is None or one.step >= len(ladder.steps):
        return None
    roles = {people.resolved(addressee.role, one.tier) for addressee in ladder.steps[one.step].to}
    if not roles <= set(one.unreached):
        return None
    step = one.step + 1
    mark = ladder.steps[step].after if step < len(ladder.steps) else ladder.then_from
    elapsed = calendar_of(turn, one).consumed(one.raised_at, turn.at) + one.skipped
    skipped = Seconds(one.skipped + max(0, mark - elapsed))
    return one._replace(skipped=skipped, call=Call(mark, step, turn.at))


def _with_call(turn: Turn, one: Escalation, mark: Seconds, step: int) -> Escalation:
    policy = turn.policies.version(one.policy_version)
    reached = max(one.step, step)
    found = next_mark(one, policy, mark, step)
    if found is None:
        return one.awaiting(reached, None)
    due = _instant(turn, one, found[0])
    return one.awaiting(reached, Call(found[0], found[1], due))


def _instant(turn: Turn, one: Escalation, mark: Seconds) -> Instant:
    return calendar_of(turn, one).due(one.raised_at, Seconds(max(0, mark - one.skipped)))


def _repeat(one: Escalation, policy: Policy, mark: Seconds) -> tuple[Seconds, int] | None:
    """Outside a ladder: every `renotify`, from the priority's `then.from` on every `then.every`."""
    if one.renotify is None:
        return None
    then = policy.ladder(one.priority)
    if mark >= then.then_from:
        return Seconds(mark + then.then_every), 0
    return Seconds(min(mark + one.renotify, then.then_from)), 0
