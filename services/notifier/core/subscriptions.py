"""Who wants to hear what, beyond those whom the policy calls: one decision into their deliveries.

A subscription asks for nothing and stands in nobody's way: its notices are for information, they
wait for quiet hours and bundles, and a restricted case goes to none of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.notifier.core.known import Decided
from services.notifier.core.plan import Planned, for_information
from services.notifier.core.roster import Roster
from services.notifier.core.schedule import Span, Windows, local_instant
from shared.contract.deliveries import Suppression

PREFIX: Final = "subscription_"
"""What the role of a subscription's delivery begins with; its name follows."""

TOLD_BY_DEFAULT: Final = (
    "case.opened",
    "case.reopened",
    "case.reclassified",
    "case.closed",
    "tier.changed",
    "escalation.raised",
    "timer.breached",
    "group.opened",
    "group.closed",
)
"""The decisions that a subscription hears of when it names none."""

TOLD: Final = (*TOLD_BY_DEFAULT, "escalation.acknowledged", "escalation.ended", "timer.warned")
"""All that can be subscribed to: what became of a case, not each call for an answer."""

TOPIC: Final = (
    r"all|tier[123]|severity\.S[1-4]|priority\.P[1-4]"
    r"|(department|component|service|customer)\.[^\s\x00]{1,200}"
)
"""How a topic is written that can be subscribed to, as a regular expression."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_QUIET: Final = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Quiet:
    """When nothing is to come: *windows* of the local clock in *zone*."""

    zone: ZoneInfo
    windows: Windows

    def over(self, at: datetime) -> datetime:
        """Return the first instant from *at* on that is not quiet.

        After eight days of nothing but quiet, *at* itself: nobody is kept from hearing for ever.
        """
        spans = sorted(self._spans(at), key=lambda one: one.start)
        free = at
        for span in spans:
            if span.holds(free):
                free = span.end
        return at if free - at >= _LONGEST_QUIET else free

    def _spans(self, at: datetime) -> Iterable[Span]:
        first = at.astimezone(self.zone).date() - timedelta(days=1)
        for number in range(_LONGEST_QUIET.days + 3):
            day = first + timedelta(days=number)
            for opens, closes in self.windows.get(day.weekday(), ()):
                yield Span(
                    local_instant(day, opens, self.zone), local_instant(day, closes, self.zone)
                )


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one person or group of the roster wants to hear.

    Attributes:
        name: Its own name.
        subscriber: A key of the roster's people or groups.
        topics: Any of them is enough: ``all``, ``tier3``, ``severity.S1``, ``priority.P1``,
            ``department.engineering``, ``component.billing``, ``service.…``, ``customer.…``.
        events: The types of decisions it hears of.
        priorities: Only cases of these; empty for all.
        mode: How it is told, by the roster's ways for that mode.
        every: Bundled: told only at every full multiple of this; None for at once.
        quiet: When nothing is to come.
        urgent: The priorities that do not wait, and go by *urgent_mode*.
        urgent_mode: How these are told.
    """

    name: str
    subscriber: str
    topics: tuple[str, ...]
    events: tuple[str, ...] = TOLD_BY_DEFAULT
    priorities: tuple[str, ...] = ()
    mode: str = "email"
    every: timedelta | None = None
    quiet: Quiet | None = None
    urgent: tuple[str, ...] = field(default=())
    urgent_mode: str = "page"

    def wants(self, decision: Decided, topics: frozenset[str]) -> bool:
        """Say whether *decision*, which is on *topics*, is one to tell."""
        if decision.type not in self.events or topics.isdisjoint(self.topics):
            return False
        return not self.priorities or decision.data.get("priority") in self.priorities

    def told_at(self, now: datetime, priority: str | None) -> datetime | None:
        """Return until when a notice of *now* is held: for the bundle, then for quiet hours.

        None when it goes at once.
        """
        if priority in self.urgent:
            return None
        at = now
        if self.every is not None:
            # The next full multiple: everything until then goes as one message.
            at = _EPOCH + -((_EPOCH - now) // self.every) * self.every
        if self.quiet is not None:
            at = self.quiet.over(at)
        return at if at > now else None


def topics_of(decision: Decided) -> frozenset[str]:
    """Return the topics that *decision* is on."""
    data = decision.data
    about: Mapping[str, object] = data.get("about") or {}
    found = {"all", f"tier{data.get('tier')}", f"priority.{data.get('priority')}"}
    found.add(f"severity.{str(data.get('cell')).partition('/')[0]}")
    if data.get("track") == "external":
        found.add(f"department.{data.get('target')}")
    for name in ("component", "service", "customer"):
        if about.get(name) is not None:
            found.add(f"{name}.{about[name]}")
    return frozenset(found)


def subscribed(
    decision: Decided,
    rows: Sequence[Planned],
    roster: Roster,
    subscriptions: Iterable[Subscription],
    now: datetime,
) -> tuple[Planned, ...]:
    """Return the deliveries that *subscriptions* ask for beyond *rows*, which the policy asks for.

    Whoever is called anyway, or holds two subscriptions that fit, is told once. Of a restricted
    case nobody is told.
    """
    if decision.restricted:
        return ()
    topics = topics_of(decision)
    told = {row.person for row in rows if row.suppressed is None and row.person is not None}
    planned = []
    for one in subscriptions:
        if not one.wants(decision, topics):
            continue
        row = _row(decision, one, roster, now)
        if row.suppressed is None and row.person in told:
            row = replace(row, suppressed=Suppression.SAME_PERSON)
        elif row.suppressed is None:
            told.add(row.person or "")
        planned.append(row)
    return tuple(planned)


def _row(decision: Decided, one: Subscription, roster: Roster, now: datetime) -> Planned:
    priority = decision.data.get("priority")
    urgent = priority in one.urgent
    # A bundle is a digest: everything of it that waits for the recipient goes as one message.
    mode = one.urgent_mode if urgent else "digest" if one.every is not None else one.mode
    contact = roster.contacts.get(one.subscriber)
    ways = () if contact is None else roster.ways(contact, mode)
    return replace(
        for_information(decision, PREFIX + one.name, contact, ways, mode),
        hold_until=one.told_at(now, priority),
        suppressed=None if ways else Suppression.NOBODY_ON_SCHEDULE,
    )
