"""What is counted of every message, once, for the sums that `/v1/stats` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple, Self

from services.tracker.core.message import KNOWN_TYPES, Kind, Message
from shared.contract.decisions import Decision, EscalationRaised, TimerBreached, TimerMet


class Standing(NamedTuple):
    """How a ticket stands, as far as it is counted.

    Attributes:
        source: The helpdesk that it stands at, as its key spells it.
        tier: 0 before the first decision.
        priority: None before the first decision.
        status: Its status.
        open: Whether somebody may still have to act.
    """

    source: str
    tier: int
    priority: str | None
    status: str
    open: bool

    @classmethod
    def at(cls, key: str, tier: int, priority: str | None, status: str, is_open: bool) -> Self:  # noqa: FBT001  as the columns of a row
        """Return how the ticket *key* stands."""
        return cls(key.partition(":")[0], tier, priority, status, is_open)

    def label(self) -> str:
        """Return it as one word, which `standing_of` reads."""
        done = "open" if self.open else "done"
        return f"{self.source}:{self.tier}:{self.priority or ''}:{self.status}:{done}"


def standing_of(label: str) -> Standing:
    """Return what `Standing.label` has made *label* from."""
    source, tier, priority, status, done = label.split(":")
    return Standing(source, int(tier), priority or None, status, done == "open")


class What(StrEnum):
    """What is counted; each with labels of its own."""

    EVENTS = "events"
    DECISIONS = "decisions"
    DELIVERIES = "deliveries"
    TRIGGERS = "triggers"
    TRACKS = "tracks"
    BREACHED = "breached"
    MET = "met"
    LATE = "late"
    NOTICES = "notices"
    SUPPRESSED = "suppressed"
    REPEATS = "repeats"
    STANDINGS = "standings"


UNKNOWN: Final = "unknown"
"""The label of every type that this version does not know."""

_BY_KIND: Final = {
    Kind.EVENT: What.EVENTS,
    Kind.DECISION: What.DECISIONS,
    Kind.DELIVERY: What.DELIVERIES,
}

Counts = Counter[tuple[What, str]]


def count(messages: Iterable[Message], *, late_after_s: float) -> Counts:
    """Return what *messages*, each new, add to the sums.

    A raise counts once under its track and once under each of its triggers.
    """
    counts: Counts = Counter()
    for message in messages:
        data = message.data
        # A label is one of a closed set, whatever somebody writes to the topic.
        label = message.type if message.type in KNOWN_TYPES else UNKNOWN
        counts[_BY_KIND[message.kind], label] += 1
        if isinstance(data, Decision) and data.late_by_s > late_after_s:
            counts[What.LATE, label] += 1
        if isinstance(data, EscalationRaised):
            counts[What.TRACKS, str(data.track)] += 1
            for trigger in data.because.triggers:
                counts[What.TRIGGERS, trigger] += 1
        elif isinstance(data, TimerBreached):
            counts[What.BREACHED, data.timer] += 1
        elif isinstance(data, TimerMet):
            counts[What.MET, data.timer] += 1
    return counts
