"""Metrics of people: acknowledgements, ladders, pages, late and silent breaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from shared.contract.times import Instant
from shared.review.figures import Figure
from shared.review.lives import Life, Raise, Stop
from shared.review.metrics import PRIORITIES, Scope, share
from shared.review.slices import in_hours
from shared.review.spans import calendar_of, mean, middle, percentile

LATE_SHARE: Final = 0.9
"""An escalation before this part of the allowance is in time."""
_ACT_WITHIN_S: Final = 600
_NIGHT: Final = (22, 6)
_MOST_CALLED: Final = 3


def acknowledgement(scope: Scope) -> Iterator[Figure]:
    """Wall time from the raise to the acknowledgement over K, and what nobody acknowledged."""
    taken = scope.acknowledged
    waits = [_wait(one) for one in taken]
    yield Figure("mtta", "time to acknowledge, mean", mean(waits), "seconds", len(waits), "mean")
    yield Figure(
        "mtta", "time to acknowledge, median", middle(waits), "seconds", len(waits), "median"
    )
    for priority in PRIORITIES:
        some = [_wait(one) for one in taken if one.priority == priority]
        if some:
            for how, value in (("median", middle(some)), ("p90", percentile(some, 0.9))):
                label = f"time to acknowledge {priority}, {how}"
                yield Figure("mtta", label, value, "seconds", len(some), f"{priority} {how}")
    open_ones = len(scope.asked) - len(taken)
    yield share("unacknowledged_share", "never acknowledged", open_ones, len(scope.asked))


def ladder_depth(scope: Scope) -> Iterator[Figure]:
    """The step of the ladder that acknowledged, and how often it was the first."""
    steps = [one.step for one in scope.acknowledged if one.step is not None]
    depth = mean([float(step) for step in steps])
    yield Figure("ladder_depth", "step that acknowledged, mean", depth, "count", len(steps))
    first = sum(step == 0 for step in steps)
    yield share("step_zero_share", "acknowledged at the first step", first, len(steps))


def stale(scope: Scope) -> Iterator[Figure]:
    """Acknowledged and then silent (T19), of K."""
    fired = sum(scope.period.has(at) for life in scope.lives for at in life.stale)
    yield share("stale_rate", "silent after the acknowledgement", fired, len(scope.acknowledged))


def retracted(scope: Scope) -> Iterator[Figure]:
    """Escalations withdrawn for a late event, a merge or a cancellation, of E."""
    gone = sum(one.reason == "withdrawn" for one in scope.raised)
    yield share("retracted_rate", "escalations withdrawn", gone, len(scope.raised))


def late(scope: Scope) -> Iterator[Figure]:
    """Breached tickets without an escalation upwards before 90 % of the allowance."""
    leads: list[float] = []
    breached = tardy = 0
    for life in scope.tickets:
        broken = [one for one in life.stops if not one.kept and scope.period.has(one.at)]
        if not broken:
            continue
        breached += 1
        first = _first_raise(life)
        left = [] if first is None else [_lead(scope, life, one, first) for one in broken]
        tardy += not left or 1 - min(left) >= LATE_SHARE
        leads += left[:1]
    yield share("late_rate", "breached without an escalation in time", tardy, breached)
    yield Figure(
        "escalation_lead",
        "part of the allowance left at the first raise",
        middle(leads),
        "share",
        len(leads),
    )


def silent(scope: Scope) -> Iterator[Figure]:
    """Breaches before which nobody was told, of all breaches; the goal is none."""
    broken = [
        (life, one)
        for life in scope.tickets
        for one in life.stops
        if not one.kept and scope.period.has(one.at)
    ]
    quiet = sum(not any(at <= one.at for at in life.told) for life, one in broken)
    yield share("silent_breach", "breaches of which nobody was told", quiet, len(broken))


def information(scope: Scope) -> Iterator[Figure]:
    """Fields owed at the raise, and debts paid in time."""
    debts = [one for one in scope.raised if _fell_due(scope, one)]
    required = given = 0
    for one in scope.raised:
        form = _form(scope, one)
        required += len(form)
        given += len(form) - len(set(one.owed) & set(form))
    yield share("information_completeness", "required fields there at the raise", given, required)
    paid = sum(not one.debt_overdue for one in debts)
    yield share("debts_paid", "owed information given in time", paid, len(debts))


def notice_load(scope: Scope) -> Iterator[Figure]:
    """Pages: how many, at night, to whom most; how often an act followed within 10 minutes."""
    pages = [
        (at, role, life)
        for life in scope.lives
        for at, role, mode, _ in life.people_told
        if mode == "page" and scope.period.has(at)
    ]
    weeks = max(1.0, (scope.period.end - scope.period.start) / (7 * 86_400))
    yield Figure("pages", "pages", len(pages), "count", len(pages))
    for role, count in Counter(role for _, role, _ in pages).most_common(_MOST_CALLED):
        label = f"pages a week to {role}"
        yield Figure("pages_weekly", label, count / weeks, "count", count, role)
    nights = Counter(role for at, role, _ in pages if in_hours(at, *_NIGHT, zone=scope.zone))
    yield Figure("night_pages", "pages from 22 to 06", nights.total(), "count", len(pages))
    for role, count in nights.most_common(_MOST_CALLED):
        yield Figure(
            "night_pages_weekly",
            f"night pages a week to {role}",
            count / weeks,
            "count",
            count,
            role,
        )
    acted = sum(_acted(life, at) for at, _, life in pages)
    yield share("actionable_share", "pages followed by an act within 10 minutes", acted, len(pages))
    gravest = [
        one for one in scope.lives if one.priority == "P1" and scope.period.has(one.opened_at)
    ]
    called = [
        float(len({role for _, role, mode, _ in one.people_told if mode == "page"}))
        for one in gravest
    ]
    yield Figure("called_per_p1", "people called for a P1", mean(called), "count", len(called))


def executives(scope: Scope) -> Iterator[Figure]:
    """Decisions asked of executives that were taken, of those asked."""
    asked = [one for one in scope.raised if one.target == "exec"]
    taken = sum(one.acknowledged for one in asked)
    yield share("executive_precision", "executive decisions taken", taken, len(asked))


def _wait(one: Raise) -> float:
    return float((one.acknowledged_at or one.at) - one.at)


def _first_raise(life: Life) -> Instant | None:
    upward = [one.at for one in life.raises.values() if one.track in ("functional", "hierarchical")]
    return min(upward, default=None)


def _lead(scope: Scope, life: Life, stop: Stop, first: Instant) -> float:
    """Return the part of the allowance of *stop* that was left at *first*, on the calendar."""
    due, start = stop.due or stop.at, life.opened_at or stop.at
    calendar = calendar_of(life, scope.policy(due))
    whole = calendar.consumed(start, due)
    return calendar.consumed(first, due) / whole if whole > 0 else 0.0


def _form(scope: Scope, one: Raise) -> tuple[str, ...]:
    if one.track != "functional" or one.target not in ("t2", "t3"):
        return ()
    return scope.policy(one.at).missing_information(int(one.target[1:]), ())


def _fell_due(scope: Scope, one: Raise) -> bool:
    """Whether *one* was still open when the information that it owed was due."""
    due, ended = one.owed_by, one.ended_at
    return due is not None and due <= scope.now and (ended is None or ended > due)


def _acted(life: Life, at: Instant) -> bool:
    """Return whether somebody did something on the case within ten minutes of a page."""
    acts = [one.acknowledged_at for one in life.raises.values() if one.acknowledged_at is not None]
    acts += [one.at for one in life.messages if one.author == "agent"]
    acts += [since for since, _ in life.statuses]
    return any(0 <= act - at <= _ACT_WITHIN_S for act in acts)
