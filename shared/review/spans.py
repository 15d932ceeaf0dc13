"""How long things took: on the case's own calendar without pauses, or by the clock on the wall."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil
from statistics import median

from shared.contract.times import Instant, Seconds
from shared.policy.calendars import Calendar
from shared.policy.document import Policy
from shared.review.lives import Life


def calendar_of(life: Life, policy: Policy) -> Calendar:
    """Return the calendar in which the promises to *life* count, by its last priority."""
    return policy.calendar_for(life.priority, life.plan, life.region)


def worked(life: Life, start: Instant, end: Instant, policy: Policy, *, timer: str) -> Seconds:
    """Return the open seconds between *start* and *end* in which *timer* did not stand still."""
    calendar = calendar_of(life, policy)
    if timer == "tier_dwell":
        calendar = policy.internal_calendar(life.severity, life.priority, life.plan, life.region)
    return Seconds(
        sum(
            calendar.consumed(since, until)
            for status, since, until in statuses(life, start, end)
            if policy.treatment(status, timer) == "run"
        )
    )


def statuses(life: Life, start: Instant, end: Instant) -> Iterator[tuple[str, Instant, Instant]]:
    """Yield the statuses of *life* between *start* and *end*, each with from and to."""
    before = (life.status_at(start), start)
    changes = [before, *((status, at) for at, status in life.statuses if start < at < end)]
    for (status, since), (_, until) in pairwise([*changes, ("", end)]):
        # Of two statuses of one instant the earlier never stood.
        if since < until:
            yield status, since, until


def middle(values: Sequence[float]) -> float | None:
    """Return the median, the mean of the two in the middle of an even number; None of nothing."""
    return float(median(values)) if values else None


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; None of nothing."""
    return sum(values) / len(values) if values else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least *share* of *values* do not exceed; None of nothing."""
    if not values:
        return None
    rank = ceil(Fraction(str(share)) * len(values))
    return float(sorted(values)[max(0, rank - 1)])


def ratio(part: float, whole: float) -> float | None:
    """Return *part* of *whole*, None where there is no whole."""
    return part / whole if whole else None
