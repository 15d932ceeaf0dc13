"""Every metric of the review, each by its formula in docs/review.md (Metrics)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from shared.contract.times import Instant, Seconds
from shared.policy.document import Policy, PolicyTimeline
from shared.review.figures import Figure
from shared.review.lives import Life, Raise, Resolution, Stop
from shared.review.slices import Period

PRIORITIES: Final = ("P1", "P2", "P3", "P4")
PLANS: Final = ("standard", "premium", "enterprise")
PROMISES: Final = ("first_response", "next_response", "customer_update", "resolve")
AVOIDABLE: Final = (
    "known_answer_exists",
    "missing_information",
    "wrong_team",
    "below_threshold",
    "duplicate",
)
FORTNIGHT: Final = Seconds(14 * 86_400)
QUARTER: Final = Seconds(90 * 86_400)


@dataclass
class Scope:
    """What metrics are computed of: the tickets of a slice, a period, and the policies.

    Attributes:
        lives: Tickets and groups that metrics count, of one slice.
        period: The time looked at.
        policies: The versions that decided.
        now: Until when is known; nothing later is a fact.
        every: All lives, for what reaches over the slice: what a person was called for.
        zone: Where nights are read.
        rates: What a person's hour costs, by tier; empty where nobody has said.
    """

    lives: Sequence[Life]
    period: Period
    policies: PolicyTimeline
    now: Instant
    every: Sequence[Life] = ()
    zone: str = "UTC"
    rates: Mapping[int, float] = field(default_factory=dict)

    @cached_property
    def tickets(self) -> list[Life]:
        """Every ticket of the slice, groups left out."""
        return [one for one in self.lives if not one.is_group]

    @cached_property
    def created(self) -> list[Life]:
        """C: created in the period."""
        return [one for one in self.tickets if self.period.has(one.opened_at)]

    @cached_property
    def resolved(self) -> list[Life]:
        """R: resolved in the period, by its last resolution."""
        return [one for one in self.tickets if self.period.has(one.resolved_at)]

    @cached_property
    def raised(self) -> list[Raise]:
        """E: escalations raised in the period, those of groups too."""
        return [
            one for life in self.lives for one in life.raises.values() if self.period.has(one.at)
        ]

    @cached_property
    def asked(self) -> list[Raise]:
        """Those of E that ask for an acknowledgement."""
        return [one for one in self.raised if one.asks]

    @cached_property
    def acknowledged(self) -> list[Raise]:
        """K: those of E that were acknowledged."""
        return [one for one in self.asked if one.acknowledged]

    @cached_property
    def stops(self) -> list[Stop]:
        """Promises kept or broken in the period."""
        return [one for life in self.tickets for one in life.stops if self.period.has(one.at)]

    @cached_property
    def transferred(self) -> list[Life]:
        """Tickets resolved in the period that changed hands at least once."""
        return [one for one in self.resolved if one.moves()]

    @cached_property
    def by_key(self) -> dict[str, Life]:
        """Lives of the slice by key."""
        return {one.key: one for one in self.lives}

    def policy(self, at: Instant) -> Policy:
        """Return the version in force at *at*."""
        return self.policies.at(at)


Metric = Callable[[Scope], Iterable[Figure]]


def share(metric: str, label: str, part: float, whole: int, of: str = "") -> Figure:
    """Return *part* of *whole* as a figure that counts *whole* cases."""
    return Figure(metric, label, part / whole if whole else None, "share", whole, of)


def figures(scope: Scope, metrics: Iterable[Metric]) -> list[Figure]:
    """Return the numbers of *metrics* in their order."""
    return [one for metric in metrics for one in metric(scope)]


def raised_of(life: Life, *tracks: str) -> list[Raise]:
    """Return the escalations of *life* on *tracks*."""
    return [one for one in life.raises.values() if one.track in tracks]


def settled(scope: Scope) -> Iterator[tuple[Life, Resolution]]:
    """Yield each ticket with its first resolution, where that is at least 14 days ago.

    Only of those can be known whether they came back within 14 days. The cohort is what was
    resolved in the fortnight's distance before: resolutions of the period that are old enough.
    """
    for life in scope.tickets:
        for one in life.resolutions:
            if scope.period.has(one.at) and scope.now - one.at >= FORTNIGHT:
                yield life, one
                break


def came_back(life: Life, resolution: Resolution) -> bool:
    """Return whether *life* was reopened within 14 days of *resolution*."""
    return any(0 <= at - resolution.at <= FORTNIGHT for at in life.reopens)


def classed(scope: Scope) -> list[tuple[Raise, str | None]]:
    """Return the ended escalations of E, each with its class, None where nobody gave one.

    The code of a return is the class; without one it is the cause that the ticket was resolved
    with.
    """
    found: list[tuple[Raise, str | None]] = []
    for one in scope.raised:
        if one.ended_at is None:
            continue
        life = scope.by_key[one.ticket]
        causes = [each.cause for each in life.resolutions if each.at >= one.at and each.cause]
        found.append((one, one.code or (causes[-1] if causes else None)))
    return found
