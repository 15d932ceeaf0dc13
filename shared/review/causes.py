"""The most common issues, and what sending them to the right place at once would have saved."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from shared.contract.times import Instant, Seconds, instant
from shared.review.figures import Figure
from shared.review.lives import Life
from shared.review.metrics import Scope
from shared.review.spans import worked

MEASURED_FOR: Final = Seconds(56 * 86_400)
"""So long before and after an action the escalations of its cause are counted: eight weeks."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Tickets of one cause.

    Attributes:
        cause: The class of the resolution, or else component, symptom or category.
        tickets: How many of R have it.
        escalations: How many of E.
        graver: Those of E that were P1 or P2.
        solved_by: The group that solved most of them, or else the tier.
        detours: Tickets that were somewhere else before they came there.
        saved_s: Calendar seconds that those spent elsewhere first.
        hops: Changes of group that direct routing would have spared.
        reopened: How many of them came back.
    """

    cause: str
    tickets: int
    escalations: int
    graver: int
    solved_by: str
    detours: int
    saved_s: Seconds
    hops: int
    reopened: int


def issues(scope: Scope) -> list[Issue]:
    """Return every cause, the one with most escalations first, then most tickets."""
    by_cause: dict[str, list[Life]] = defaultdict(list)
    for life in scope.resolved:
        by_cause[life.cause].append(life)
    raised: Counter[str] = Counter()
    grave: Counter[str] = Counter()
    for one in scope.raised:
        cause = scope.by_key[one.ticket].cause
        raised[cause] += 1
        grave[cause] += one.priority in ("P1", "P2")
    for cause in raised:
        by_cause.setdefault(cause, [])
    found = [
        _issue(scope, cause, tickets, raised[cause], grave[cause])
        for cause, tickets in by_cause.items()
    ]
    return sorted(found, key=lambda one: (-one.escalations, -one.tickets, one.cause))


def cost(scope: Scope) -> Iterator[Figure]:
    """Calendar hours in each tier times what an hour there costs, of escalated tickets of R."""
    if not scope.rates:
        return
    spent: dict[str, list[float]] = defaultdict(list)
    for life in scope.resolved:
        if life.raises:
            spent[life.cause].append(_cost(scope, life))
    every = [one for some in spent.values() for one in some]
    label = "cost of escalated tickets"
    yield Figure("escalation_cost", label, sum(every), "count", len(every))
    for cause, some in sorted(spent.items(), key=lambda one: (-sum(one[1]), one[0])):
        yield Figure("escalation_cost", f"{label}, {cause}", sum(some), "count", len(some), cause)


def prevention(scope: Scope, done: Mapping[str, date]) -> Iterator[Figure]:
    """What actions against a cause have prevented, those whose eight weeks end in the period.

    Args:
        scope: The period, and the tickets of the slice.
        done: The metric of each action, such as `cause.driver`, and the day on which it was done.
    """
    for metric, day in sorted(done.items()):
        kind, _, cause = metric.partition(".")
        acted = instant(datetime.combine(day, time(), UTC))
        if kind != "cause" or not scope.period.has(Instant(acted + MEASURED_FOR)):
            continue
        raised = [
            one.at for life in scope.lives if life.cause == cause for one in life.raises.values()
        ]
        before = sum(acted - MEASURED_FOR <= at < acted for at in raised)
        after = sum(acted <= at < acted + MEASURED_FOR for at in raised)
        value = (before - after) / before if before else None
        label = f"escalations prevented of {cause}, of {before} in the eight weeks before"
        yield Figure("prevention_yield", label, value, "share", before, cause)


def _cost(scope: Scope, life: Life) -> float:
    return sum(
        worked(life, since, until, scope.policy(until), timer="tier_dwell")
        / 3600
        * scope.rates.get(tier, 0.0)
        for tier, since, until in life.stays(life.resolved_at or scope.now)
        if since < until
    )


def _issue(scope: Scope, cause: str, tickets: list[Life], raised: int, grave: int) -> Issue:
    solvers = Counter(_solver(one) for one in tickets)
    place = min(solvers, key=lambda one: (-solvers[one], one)) if solvers else "–"
    detours = [one for one in tickets if _solver(one) == place and _elsewhere(scope, one) > 0]
    return Issue(
        cause=cause,
        tickets=len(tickets),
        escalations=raised,
        graver=grave,
        solved_by=place,
        detours=len(detours),
        saved_s=Seconds(sum(_elsewhere(scope, one) for one in detours)),
        hops=sum(len(one.moves()) for one in detours),
        reopened=sum(bool(one.reopens) for one in tickets),
    )


def _solver(life: Life) -> str:
    return life.team or f"tier {life.resolutions[-1].tier}"


def _elsewhere(scope: Scope, life: Life) -> int:
    """Return the calendar seconds from the creation until it came where it was solved."""
    start, end = life.opened_at, life.resolved_at
    if start is None or end is None:
        return 0
    if life.teams:
        came = life.teams[-1][0]
    else:
        tier = life.resolutions[-1].tier
        came = next((at for at, to in life.tiers if to == tier), start)
    came = min(max(came, start), end)
    return worked(life, start, came, scope.policy(end), timer="resolve")
