"""Which tickets a review looks at, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.contract.times import Instant, as_datetime, instant, rfc3339
from shared.review.lives import Life


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, the beginning in it and the end not."""

    start: Instant
    end: Instant
    name: str

    def has(self, at: Instant | None) -> bool:
        """Return whether *at* is in it; nothing is not."""
        return at is not None and self.start <= at < self.end


def month(text: str, zone: str = "UTC") -> Period:
    """Return the month that *text* names, `2026-10`, from its first midnight in *zone* on.

    Raises:
        ValueError: *text* is no month.
        zoneinfo.ZoneInfoNotFoundError: There is no such zone.
    """
    where = ZoneInfo(zone)
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=where)
    except ValueError:
        msg = f"{text!r} is no month"
        raise ValueError(msg) from None
    years, next_month = divmod(first.month, 12)
    after = datetime(first.year + years, next_month + 1, 1, tzinfo=where)
    return Period(instant(first.astimezone(UTC)), instant(after.astimezone(UTC)), text)


def between(start: Instant, end: Instant) -> Period:
    """Return the time from *start* up to *end*.

    Raises:
        ValueError: It would be empty.
    """
    if end <= start:
        msg = f"{rfc3339(start)} to {rfc3339(end)} is no time at all"
        raise ValueError(msg)
    return Period(start, end, f"{rfc3339(start)} to {rfc3339(end)}")


def before(period: Period, zone: str = "UTC") -> Period:
    """Return what came before *period*: the month before, or a stretch of the same length.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: There is no such zone.
    """
    try:
        first = datetime.strptime(period.name, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        length = period.end - period.start
        return between(Instant(period.start - length), period.start)
    earlier = first - timedelta(days=1)
    return month(f"{earlier:%Y-%m}", zone)


@dataclass(frozen=True, slots=True)
class Slice:
    """Tickets that have all of what is named; None names nothing.

    Attributes:
        team: The group that had it last.
        product: Its service.
        component: Its component.
        customer: Its customer.
        plan: Its plan.
        tier: A tier that it has been in.
        priority: Its last priority.
        policy_version: The version under which it was opened.
        shift: Local hours of its opening, from and to; `(22, 6)` is a night.
        zone: Where those hours are read.
    """

    team: str | None = None
    product: str | None = None
    component: str | None = None
    customer: str | None = None
    plan: str | None = None
    tier: int | None = None
    priority: str | None = None
    policy_version: int | None = None
    shift: tuple[int, int] | None = None
    zone: str = "UTC"

    def has(self, life: Life) -> bool:
        """Return whether *life* is one of them."""
        wanted = (
            (self.team, life.team),
            (self.product, life.service),
            (self.component, life.component),
            (self.customer, life.customer),
            (self.plan, life.plan),
            (self.priority, life.priority),
            (self.policy_version, life.policy_version),
        )
        return (
            all(want is None or want == has for want, has in wanted)
            and (self.tier is None or any(tier == self.tier for _, tier in life.tiers))
            and (self.shift is None or self._in_shift(life.opened_at, self.shift))
        )

    def of(self, lives: Iterable[Life]) -> list[Life]:
        """Return those of *lives* that are in it and that metrics count."""
        return [one for one in lives if one.counts and self.has(one)]

    def words(self) -> str:
        """Return it in words, `all tickets` where it names nothing."""
        named = {
            "team": self.team,
            "product": self.product,
            "component": self.component,
            "customer": self.customer,
            "plan": self.plan,
            "tier": self.tier,
            "priority": self.priority,
            "policy version": self.policy_version,
            "shift": None if self.shift is None else f"{self.shift[0]:02}-{self.shift[1]:02}",
        }
        told = [f"{name} {value}" for name, value in named.items() if value is not None]
        return ", ".join(told) or "all tickets"

    def _in_shift(self, at: Instant | None, shift: tuple[int, int]) -> bool:
        return at is not None and in_hours(at, *shift, zone=self.zone)


def in_hours(at: Instant, start: int, end: int, *, zone: str) -> bool:
    """Return whether the local hour of *at* in *zone* is from *start* up to *end*, over midnight too."""
    hour = as_datetime(at).astimezone(ZoneInfo(zone)).hour
    return start <= hour < end if start < end else hour >= start or hour < end
