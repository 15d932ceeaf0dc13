"""Metrics of time: promises kept, first replies, resolutions, stays in tiers."""

from __future__ import annotations

from collections.abc import Iterator

from shared.contract.times import Instant
from shared.review.figures import Figure
from shared.review.lives import Life
from shared.review.metrics import PLANS, PRIORITIES, PROMISES, Scope, share
from shared.review.spans import mean, middle, percentile, worked


def attainment(scope: Scope) -> Iterator[Figure]:
    """Kept stops of all stops, each promise whole, by priority, and by plan."""
    plans = {id(stop): life.plan for life in scope.tickets for stop in life.stops}
    for promise in PROMISES:
        label = f"{promise.replace('_', ' ')} in time"
        ended = [one for one in scope.stops if one.timer == promise]
        yield share(f"{promise}_attainment", label, sum(s.kept for s in ended), len(ended))
        for priority in PRIORITIES:
            some = [one for one in ended if one.priority == priority]
            if some:
                kept = sum(one.kept for one in some)
                yield share(f"{promise}_attainment", label, kept, len(some), priority)
        for plan in PLANS:
            some = [one for one in ended if plans[id(one)] == plan]
            if some:
                kept = sum(one.kept for one in some)
                yield share(f"{promise}_attainment", label, kept, len(some), plan)


def paused(scope: Scope) -> Iterator[Figure]:
    """Wall time in which the promise to resolve stood still, of all time to resolve."""
    total = waited = 0
    for life in scope.resolved:
        if life.opened_at is None or life.resolved_at is None:
            continue
        total += life.resolved_at - life.opened_at
        waited += _standing(scope, life, life.opened_at, life.resolved_at)
    value = waited / total if total else None
    yield Figure("paused_share", "share of time paused", value, "share", len(scope.resolved))


def first_reply(scope: Scope) -> Iterator[Figure]:
    """Calendar time from the creation to the first reply of a person, of C."""
    times = [
        float(worked(one, one.opened_at, at, scope.policy(at), timer="first_response"))
        for one in scope.created
        if one.opened_at is not None and (at := one.first_reply_at) is not None
    ]
    label, unit = "time to the first reply", "calendar_seconds"
    yield Figure("first_reply", f"{label}, median", middle(times), unit, len(times), "median")
    p90 = percentile(times, 0.9)
    yield Figure("first_reply", f"{label}, p90", p90, unit, len(times), "p90")


def time_to_resolve(scope: Scope) -> Iterator[Figure]:
    """Time from the creation to the last resolution, of R: on the calendar and on the wall."""
    calendar: list[float] = []
    wall: list[float] = []
    for life in scope.resolved:
        start, end = life.opened_at, life.resolved_at
        if start is not None and end is not None:
            calendar.append(float(worked(life, start, end, scope.policy(end), timer="resolve")))
            wall.append(float(end - start))
    for name, times, unit in (
        ("calendar", calendar, "calendar_seconds"),
        ("wall", wall, "seconds"),
    ):
        for how, value in (
            ("median", middle(times)),
            ("mean", mean(times)),
            ("p90", percentile(times, 0.9)),
        ):
            label = f"time to resolve on the {name}, {how}"
            of = f"{name} {how}"
            yield Figure("mttr", label, value, unit, len(times), of)
    gravest = [
        float(life.resolved_at - life.opened_at)
        for life in scope.resolved
        if life.priority == "P1" and life.opened_at is not None and life.resolved_at is not None
    ]
    label = "time to restore P1 on the wall, median"
    yield Figure("mttr", label, middle(gravest), "seconds", len(gravest), "P1 wall median")


def stays(scope: Scope) -> Iterator[Figure]:
    """Calendar time in each tier, of tickets resolved in the period that visited it."""
    for tier in (1, 2, 3):
        total, visitors = 0, 0
        for life in scope.resolved:
            spent = _stayed(scope, life, tier)
            if spent is not None:
                total, visitors = total + spent, visitors + 1
        value = total / visitors if visitors else None
        label = f"time in tier {tier}"
        yield Figure("time_in_tier", label, value, "calendar_seconds", visitors, f"{tier}")


def update_punctuality(scope: Scope) -> Iterator[Figure]:
    """Customer updates in time of those due, P1 and P2."""
    due = [
        one
        for one in scope.stops
        if one.timer == "customer_update" and one.priority in PRIORITIES[:2]
    ]
    kept = sum(one.kept for one in due)
    yield share("update_punctuality", "updates of P1 and P2 in time", kept, len(due))


def _stayed(scope: Scope, life: Life, tier: int) -> int | None:
    end = life.resolved_at
    if end is None:
        return None
    spent = [
        worked(life, since, until, scope.policy(until), timer="tier_dwell")
        for where, since, until in life.stays(end)
        if where == tier and since < until
    ]
    visited = any(where == tier for _, where in life.tiers)
    return sum(spent) if visited else None


def _standing(scope: Scope, life: Life, start: Instant, end: Instant) -> int:
    policy = scope.policy(end)
    return sum(
        max(0, min(until, end) - max(since, start))
        for status, since, until in life.statuses_until(end)
        if policy.treatment(status, "resolve") == "pause"
    )
