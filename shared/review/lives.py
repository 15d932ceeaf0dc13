"""What the review knows of each ticket: a fold of its events and of the decisions on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from shared.contract.times import Instant
from shared.contract.vocabulary import Form

LEFT_OUT: Final = frozenset({"spam", "drill"})
"""Tags or categories of tickets that no metric counts."""

OVER: Final = frozenset({"resolved", "closed", "merged", "cancelled"})


@dataclass(slots=True)
class Stop:
    """The end of one promise: kept at *at*, or broken at *at*, which is then its *due*."""

    timer: str
    at: Instant
    due: Instant | None
    kept: bool
    priority: str


@dataclass(slots=True)
class Raise:
    """One escalation from its raise to its end.

    *unreported* are the instants at which a department's report was overdue (T18).
    """

    id: str
    ticket: str
    track: str
    target: str
    triggers: tuple[str, ...]
    at: Instant
    priority: str
    tier: int
    policy_version: int
    asks: bool
    owed: tuple[str, ...] = ()
    owed_by: Instant | None = None
    debt_overdue: bool = False
    ack_due: Instant | None = None
    acknowledged_at: Instant | None = None
    step: int | None = None
    ended_at: Instant | None = None
    reason: str | None = None
    detail: str | None = None
    unreported: list[Instant] = field(default_factory=list)

    @property
    def code(self) -> str | None:
        """Why it was returned or declined, in a word."""
        return self.detail if self.reason in ("returned", "declined") else None

    @property
    def acknowledged(self) -> bool:
        """Whether somebody has taken it."""
        return self.acknowledged_at is not None


@dataclass(slots=True)
class Message:
    """What somebody wrote: when, who and in which role, and whether the customer saw it."""

    at: Instant
    author: str
    public: bool
    automatic: bool
    asks: bool
    kind: str | None
    by: str | None
    text: str
    role: str | None = None


@dataclass(slots=True)
class Resolution:
    """One resolution: the tier that did it, what was said of the cause, and whether anybody did it.

    It is *automatic* where the policy resolved a ticket whose customer was silent for too long.
    """

    at: Instant
    tier: int
    cause: str | None = None
    avoidable: bool | None = None
    automatic: bool = True


@dataclass(slots=True)
class Feedback:
    """Answers of one person about one escalation, or about the case."""

    at: Instant
    ticket: str
    escalation_id: str | None
    by: str | None
    answers: Form


@dataclass(slots=True)
class Life:
    """One ticket, or one group of tickets.

    Attributes:
        key: The ticket's key.
        teams: The groups that worked on it, each with the instant at which it came there.
        statuses: Every status with the instant at which it began.
        tiers: Every tier with the instant at which it was entered.
        grades: Severity and priority with the instant from which they held.
        impact: How many the last cell says are affected, `I1` to `I4`.
        channel: On which way it came, where its helpdesk says so.
        desk_kept: The desk's own verdict, as it last stood; None where the desk has none.
        told: The instants at which the policy had somebody told.
        refused: Codes of refused acts, and when.
        joined: Of a group, the keys of its members.
        people_told: When, role, mode and decision of every call; one held back counts when it goes.
    """

    key: str
    opened_at: Instant | None = None
    policy_version: int = 0
    plan: str = "standard"
    region: str | None = None
    vip: bool = False
    customer: str | None = None
    service: str | None = None
    component: str | None = None
    symptom: str | None = None
    category: str | None = None
    requester: str | None = None
    owner: str | None = None
    title: str = ""
    tags: frozenset[str] = frozenset()
    impact: str | None = None
    channel: str | None = None
    desk_kept: bool | None = None
    recurrence_of: str | None = None
    teams: list[tuple[Instant, str]] = field(default_factory=list)
    statuses: list[tuple[Instant, str]] = field(default_factory=list)
    tiers: list[tuple[Instant, int]] = field(default_factory=list)
    grades: list[tuple[Instant, str, str]] = field(default_factory=list)
    downs: list[Instant] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    raises: dict[str, Raise] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    resolutions: list[Resolution] = field(default_factory=list)
    reopens: list[Instant] = field(default_factory=list)
    stale: list[Instant] = field(default_factory=list)
    told: list[Instant] = field(default_factory=list)
    people_told: list[tuple[Instant, str, str, str]] = field(default_factory=list)
    hand_overs: list[Instant] = field(default_factory=list)
    refused: list[tuple[Instant, str]] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    joined: set[str] = field(default_factory=set)
    first_member_at: Instant | None = None
    merged: bool = False
    cancelled: bool = False

    @property
    def is_group(self) -> bool:
        """Whether it stands for many tickets of one cause."""
        return self.key.startswith("group:")

    @property
    def counts(self) -> bool:
        """Whether metrics count it: cancelled, spam, merged sources and drills they do not."""
        named = self.tags | ({self.category.casefold()} if self.category else set())
        return (
            not (self.cancelled or self.merged or named & LEFT_OUT) and self.opened_at is not None
        )

    @property
    def priority(self) -> str:
        """Its last priority."""
        return self.grades[-1][2] if self.grades else "P3"

    @property
    def severity(self) -> str:
        """Its last severity."""
        return self.grades[-1][1] if self.grades else "S3"

    @property
    def start_tier(self) -> int:
        """The tier in which it began."""
        return self.tiers[0][1] if self.tiers else 1

    @property
    def highest_tier(self) -> int:
        """The highest tier that it has been in."""
        return max((tier for _, tier in self.tiers), default=1)

    @property
    def first_reply_at(self) -> Instant | None:
        """When the first person answered so that the customer saw it."""
        return next((one.at for one in self.messages if is_reply(one)), None)

    @property
    def resolved_at(self) -> Instant | None:
        """The last resolution, None while it is open: a reopening replaces the one before."""
        if not self.resolutions:
            return None
        last = self.resolutions[-1]
        return None if any(at >= last.at for at in self.reopens) else last.at

    @property
    def cause(self) -> str:
        """What it came of: the class of its last resolution, or else its component or category."""
        said = self.resolutions[-1].cause if self.resolutions else None
        return said or self.component or self.symptom or self.category or "no class"

    @property
    def team(self) -> str | None:
        """The group that had it last."""
        return self.teams[-1][1] if self.teams else None

    def reopened_by_hand(self) -> list[Instant]:
        """Return the reopenings of what somebody had resolved."""
        return [
            at
            for at in self.reopens
            if not next((one.automatic for one in reversed(self.resolutions) if one.at <= at), True)
        ]

    def moves(self) -> list[tuple[str, str]]:
        """Return its changes of group, from and to; without groups, returns and hand-overs."""
        named = [team for _, team in self.teams]
        if named:
            return list(pairwise(named))
        returned = [one for one in self.raises.values() if one.reason in ("returned", "declined")]
        return [("", "")] * (len(returned) + len(self.hand_overs))

    def came_back(self) -> bool:
        """Return whether it came back to a group that it had left."""
        named = [team for _, team in self.teams]
        return len(set(named)) < len(named)

    def status_at(self, at: Instant) -> str:
        """Return its status at *at*."""
        return next((status for since, status in reversed(self.statuses) if since <= at), "new")

    def statuses_until(self, until: Instant) -> Iterator[tuple[str, Instant, Instant]]:
        """Yield each status with from and to; the last ends at *until*, which may lie before it."""
        ends = [at for at, _ in self.statuses[1:]]
        for (start, status), end in zip(self.statuses, [*ends, until], strict=False):
            yield status, start, end

    def stays(self, until: Instant) -> Iterator[tuple[int, Instant, Instant]]:
        """Yield each stay in a tier: the tier, from and to; the last ends at *until*."""
        ends = [at for at, _ in self.tiers[1:]]
        for (start, tier), end in zip(self.tiers, [*ends, until], strict=False):
            yield tier, start, min(end, until)


def is_reply(one: Message) -> bool:
    """Whether *one* is a person's answer that the customer sees."""
    return one.author == "agent" and one.public and not one.automatic
