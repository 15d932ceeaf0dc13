"""The most common issues, and what sending them to the right place at once would have saved."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from shared.contract.times import Seconds
from shared.review.figures import Figure
from shared.review.lives import Life
from shared.review.metrics import Scope
from shared.review.spans import worked


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
    total = 0.0
    escalated = [one for one in scope.resolved if one.raises]
    for life in escalated:
        for tier, since, until in life.stays(life.resolved_at or scope.now):
            if since < until:
                spent = worked(life, since, until, scope.policy(until), timer="tier_dwell")
                total += spent / 3600 * scope.rates.get(tier, 0.0)
    yield Figure("escalation_cost", "cost of escalated tickets", total, "count", len(escalated))


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
