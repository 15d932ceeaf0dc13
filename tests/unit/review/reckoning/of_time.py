"""Promises, replies, resolutions, stays and what they cost, by the formulas of docs/review.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from shared.contract.times import parse_instant
from tests.unit.review.reckoning.told import Sums, Told, at


def share(part: float, whole: int) -> tuple[float | None, int]:
    return (part / whole if whole else None, whole)


def average(values: Sequence[float]) -> tuple[float | None, int]:
    return share(sum(values), len(values))


def median(values: Sequence[float]) -> tuple[float | None, int]:
    """The value in the middle, of an even number the mean of both."""
    ordered, count = sorted(values), len(values)
    if not count:
        return None, 0
    return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2, count


def p90(values: Sequence[float]) -> tuple[float | None, int]:
    """The smallest value that nine tenths of all do not exceed."""
    for one in sorted(values):
        if 10 * sum(other <= one for other in values) >= 9 * len(values):
            return one, len(values)
    return None, 0


def sums_of_time(told: Told) -> Sums:
    return {**promises(told), **replies(told), **resolutions(told), **tiers(told), **cost(told)}


def promises(told: Told) -> Sums:
    found: dict[str, list[bool]] = {"update_punctuality": []}
    for timer in ("first_response", "next_response", "customer_update", "resolve"):
        found[f"{timer}_attainment"] = []
    for key in told.tickets:
        for stop, kept in told.stops(key):
            name, priority = f"{stop['data']['timer']}_attainment", stop["data"]["priority"]
            if name not in found:
                continue
            for label in (name, f"{name}.{priority}", f"{name}.{told.plan(key)}"):
                found.setdefault(label, []).append(kept)
            if name == "customer_update_attainment" and priority in ("P1", "P2"):
                found["update_punctuality"].append(kept)
    return {name: share(sum(some), len(some)) for name, some in found.items()}


def replies(told: Told) -> Sums:
    times = [
        told.counted(key, told.opened_at(key), min(told.replies(key)), "first_response")
        for key in told.created
        if told.replies(key)
    ]
    return {"first_reply.median": median(times), "first_reply.p90": p90(times)}


def resolutions(told: Told) -> Sums:
    calendar, wall, gravest, paused = [], [], [], 0
    for key in told.resolved:
        start, end = told.opened_at(key), told.resolved_at(key)
        assert end is not None
        calendar.append(told.counted(key, start, end, "resolve"))
        wall.append(end - start)
        gravest += [end - start] if told.grades(key)[-1][1] == "P1" else []
        paused += sum(
            until - since
            for status, since, until in told.spells(key, start, end)
            if told.policy.treatment(status, "resolve") == "pause"
        )
    found = {
        f"mttr.{name} {how}": reckon(times)
        for name, times in (("calendar", calendar), ("wall", wall))
        for how, reckon in (("median", median), ("mean", average), ("p90", p90))
    }
    whole = sum(wall)
    share_paused = (paused / whole if whole else None, len(wall))
    return {**found, "mttr.P1 wall median": median(gravest), "paused_share": share_paused}


def stays(told: Told, key: str) -> dict[int, int]:
    """By tier that was visited up to the resolution, calendar seconds there."""
    end = told.resolved_at(key)
    assert end is not None
    found: dict[int, int] = defaultdict(int)
    visits = told.tiers(key)
    for number, (since, tier) in enumerate(visits):
        until = visits[number + 1][0] if number + 1 < len(visits) else end
        found[tier] += told.counted(key, since, min(until, end), "tier_dwell")
    return found


def tiers(told: Told) -> Sums:
    spent = [stays(told, key) for key in told.resolved]
    return {
        f"time_in_tier.{tier}": average([one[tier] for one in spent if tier in one])
        for tier in (1, 2, 3)
    }


def cost(told: Told) -> Sums:
    by_cause: dict[str, list[float]] = defaultdict(list)
    for key in told.resolved:
        if told.calls(key):
            hours = {tier: spent / 3600 for tier, spent in stays(told, key).items()}
            paid = sum(spent * told.rates.get(tier, 0.0) for tier, spent in hours.items())
            by_cause[told.cause(key)].append(paid)
    every = [one for some in by_cause.values() for one in some]
    found: Sums = {"escalation_cost": (sum(every), len(every))}
    for cause, some in by_cause.items():
        found[f"escalation_cost.{cause}"] = (sum(some), len(some))
    return found


def breaches(told: Told, key: str) -> list[tuple[int, int]]:
    """When each promise of *key* broke, and when it was due."""
    return [
        (at(stop), at(stop) if stop["data"]["due"] is None else parse_instant(stop["data"]["due"]))
        for stop, kept in told.stops(key)
        if not kept
    ]
