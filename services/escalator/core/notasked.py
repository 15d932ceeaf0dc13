"""Which rows of the policy have not asked for anything, and why not (Triggers)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Final

from services.escalator.core import dwell, people, standing, timers
from services.escalator.core.case import Timer
from services.escalator.core.turn import Turn
from services.escalator.core.views import Decided
from shared.contract.explanations import NotTold, WhyNot
from shared.contract.lengths import hours
from shared.contract.sentences import clock, moment, words
from shared.contract.times import Instant, Seconds, as_datetime, rfc3339
from shared.policy.document import Row

PRIORITIES: Final = ("P1", "P2", "P3", "P4")
_WHOLE: Final = Fraction(1)


def rows(turn: Turn, decided: Sequence[Decided]) -> Iterator[NotTold]:
    """Yield, of the case of *turn*, who was not told because a row has not asked."""
    case = turn.case
    if not case.is_open:
        return
    if case.group is not None:
        people_of_cell = [
            people.resolved(one.role, case.tier) for one in standing.cell_people(turn)
        ]
        text = f"The ticket is a member of {case.group}, which speaks for all its members"
        yield said(WhyNot.GROUP, people_of_cell, text)
        return
    fired = {
        (one.data["timer"], one.data["share"])
        for one in decided
        if one.type.startswith("timer.") and one.data.get("share") is not None
    }
    for name in timers.PROMISES:
        timer = case.timers.get(name)
        if timer is not None:
            yield from _of_promise(turn, timer, fired)
    yield from _of_stay(turn)
    yield from _of_silence(turn)
    yield from _of_executives(turn)
    yield from _of_impact(turn)


def _of_promise(turn: Turn, timer: Timer, fired: set[tuple[str, float]]) -> Iterator[NotTold]:
    marks = (*timers.WARNINGS.get(timer.name, ()), (_WHOLE, timers.BREACH[timer.name]))
    for share, trigger in marks:
        if (timer.name, float(share)) not in fired or timer.state in ("running", "paused"):
            yield from _of_mark(turn, timer, share, trigger, fired=fired)


def _of_mark(
    turn: Turn, timer: Timer, share: Fraction, trigger: str, *, fired: set[tuple[str, float]]
) -> Iterator[NotTold]:
    """The row *trigger* at *share* of a promise: not there, over, standing still, or to come."""
    case = turn.case
    row = turn.policy.trigger(trigger, case.priority)
    if row is None or (share != _WHOLE and share not in turn.policy.warn_at):
        yield from _no_row(turn, trigger)
        return
    roles = _roles(turn, row)
    used = timers.used_at(turn, timer)
    sums = (
        f"{timer.name}: {floor(used)} s of {timer.allowance} s used on calendar {timer.calendar},"
        f" {trigger} asks at {float(share):.0%}",
    )
    if timer.state == "met":
        text = f"The promise was kept: {clock(timer.name)}"
        yield said(WhyNot.KEPT, roles, text, trigger=trigger, arithmetic=sums)
    elif timer.state == "paused" and used < share * timer.allowance:
        text = (
            f"The clock of the {clock(timer.name)} stands still while the ticket is"
            f" {words(case.status)}"
        )
        yield said(
            WhyNot.PAUSED, roles, text, trigger=trigger, since=case.status_since, arithmetic=sums
        )
    elif timer.since is not None and used < share * timer.allowance:
        left = Seconds(max(0, ceil(share * timer.allowance - timer.used)))
        due = turn.promise_policy.calendar(timer.calendar).due(timer.since, left)
        text = (
            f"Of the {clock(timer.name)} {hours(floor(used))} of {hours(timer.allowance)} are used;"
            f" {float(share):.0%} are reached at {moment(rfc3339(due))}"
        )
        yield said(WhyNot.BELOW_THRESHOLD, roles, text, trigger=trigger, until=due, arithmetic=sums)


def _no_row(turn: Turn, trigger: str) -> Iterator[NotTold]:
    """Say who would be told at the nearest priority that has a row."""
    own = PRIORITIES.index(turn.case.priority)
    for name in (*reversed(PRIORITIES[:own]), *PRIORITIES[own + 1 :]):
        row = turn.policy.trigger(trigger, name)
        if row is not None:
            text = (
                f"{trigger} asks for nothing on {turn.case.priority}; on {name} they would be told"
            )
            yield said(WhyNot.NO_ROW, _roles(turn, row), text, trigger=trigger)
            return


def _of_stay(turn: Turn) -> Iterator[NotTold]:
    """T06 or T07: the stay in the tier has not used up its limit."""
    case = turn.case
    trigger = dwell.TRIGGER.get(case.tier)
    row = None if trigger is None else turn.policy.trigger(trigger, case.priority)
    if row is None or case.dwell_limit is None or case.dwell_fired:
        return
    used, roles = dwell.used(turn), _roles(turn, row)
    sums = (f"tier {case.tier}: {used} s of {case.dwell_limit} s used",)
    if case.dwell_due is None:
        text = f"The stay in tier {case.tier} is not counted while it is {words(case.status)}"
        since = case.status_since
        yield said(WhyNot.PAUSED, roles, text, trigger=trigger, since=since, arithmetic=sums)
        return
    text = (
        f"Tier {case.tier} has had it for {hours(used)} of {hours(case.dwell_limit)}; they are told"
        f" at {moment(rfc3339(case.dwell_due))}"
    )
    yield said(
        WhyNot.BELOW_THRESHOLD,
        roles,
        text,
        trigger=trigger,
        until=case.dwell_due,
        arithmetic=sums,
    )


def _of_silence(turn: Turn) -> Iterator[NotTold]:
    """T19: whoever took it has time left, or has said until when they will be silent."""
    case = turn.case
    row = turn.policy.trigger("T19", case.priority)
    if row is None or case.stale_due is None or case.stale_since is None:
        return
    if case.snoozed_until is not None and case.stale_due == case.snoozed_until:
        text = f"Whoever took it has said that they will be silent until {_at(case.snoozed_until)}"
        reason = WhyNot.SNOOZED
    else:
        limit = turn.policy.stale_ack_after[case.priority]
        text = (
            f"The last sign of work was at {_at(case.stale_since)}; {case.priority} may be silent"
            f" for {hours(limit)}, until {_at(case.stale_due)}"
        )
        reason = WhyNot.BELOW_THRESHOLD
    yield said(
        reason,
        _roles(turn, row),
        text,
        trigger="T19",
        since=case.stale_since,
        until=case.stale_due,
    )


def _of_executives(turn: Turn) -> Iterator[NotTold]:
    case = turn.case
    for due, what in (
        (case.exec_inform_due, "are told"),
        (case.exec_decide_due, "are asked to decide"),
    ):
        if due is not None:
            text = f"The executives {what} at {_at(due)} in the cell {case.cell}"
            yield said(
                WhyNot.BELOW_THRESHOLD,
                ("exec_oncall",),
                text,
                trigger="T22",
                since=case.exec_base,
                until=due,
            )


def _of_impact(turn: Turn) -> Iterator[NotTold]:
    """Whom the next wider band would call at once, and from how many people on."""
    case, policy = turn.case, turn.policy
    bands = policy.file.impact.table()
    wider = next((name for name in bands if name > case.impact), None)
    counts = None if wider is None else bands[wider].at_least
    if wider is None or counts is None:
        return
    here, there = standing.cell(turn), policy.cell(case.severity, wider)
    now = {one.role for one in here.notify_at_start}
    roles = [one.role for one in there.notify_at_start if one.role not in now]
    if not roles:
        return
    known = "nobody has said how many" if case.users is None else f"{case.users} people"
    text = (
        f"{known} are affected; from {counts.users} people or {counts.orgs} organisations on it is"
        f" {case.severity}/{wider}, {there.priority}, and they are told at once"
    )
    yield said(WhyNot.BELOW_IMPACT, roles, text, trigger="T20")


def _roles(turn: Turn, row: Row) -> tuple[str, ...]:
    """Return the roles that *row* names, without those that only a moment can tell."""
    return tuple(
        people.resolved(one.role, turn.case.tier) for one in row.notify if one.role != "cell_notify"
    )


def _at(at: Instant) -> str:
    return moment(rfc3339(at))


def said(  # noqa: PLR0913  one parameter for each key
    reason: WhyNot,
    roles: Iterable[str],
    text: str,
    *,
    trigger: str | None = None,
    escalation: str | None = None,
    since: Instant | None = None,
    until: Instant | None = None,
    arithmetic: tuple[str, ...] = (),
) -> NotTold:
    """Return that *roles* were not told because of *reason*; *text* lacks its full stop."""
    return NotTold(
        roles=tuple(dict.fromkeys(roles)),
        reason=reason,
        trigger=trigger,
        escalation_id=escalation,
        since=None if since is None else as_datetime(since),
        until=None if until is None else as_datetime(until),
        arithmetic=arithmetic,
        text=f"{text}.",
    )
