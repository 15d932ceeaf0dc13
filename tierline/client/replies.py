"""What the tracker answers, typed: JSON objects with these keys, and with more that may come later.

Times are RFC 3339 in UTC, lengths are seconds; null is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict


class Customer(TypedDict):
    """Whose ticket it is."""

    id: str | None
    name: str | None
    plan: str | None
    vip: bool
    region: str | None


class Deadline(TypedDict):
    """A promise to the customer, the end of a stay in a tier, or an answer that is waited for."""

    timer: str
    target: str | None
    due: str
    due_in_s: int


class Escalation(TypedDict):
    """One escalation."""

    escalation_id: str
    track: str
    target: str
    tier: int | None
    triggers: list[str]
    called: list[str]
    raised_at: str | None
    ack_due: str | None
    acknowledged_by: str | None
    acknowledged_at: str | None
    acknowledged_after_s: int | None
    acknowledged_step: int | None
    ended_at: str | None
    end: str | None


class Counters(TypedDict):
    """What has happened on a ticket, counted."""

    escalations: int
    notices: int
    late: int
    breached: int
    met: int
    reopens: int


class Ticket(TypedDict):
    """A ticket in a list."""

    key: str
    source: str
    subject: str
    title: str | None
    url: str | None
    status: str
    open: bool
    tier: int | None
    priority: str | None
    severity: str | None
    impact: str | None
    customer: Customer
    requester: str | None
    owner: str | None
    service: str | None
    component: str | None
    flags: list[str]
    teams: list[str]
    opened_at: str | None
    updated_at: str | None
    version: int
    next_deadline: Deadline | None
    next_step: Deadline | None
    customer_waits_since: str | None
    escalations: list[Escalation]
    counters: Counters


class Timer(TypedDict):
    """One clock of a case, as last stated."""

    name: str
    state: str
    due: str | None
    calendar: str | None
    used_s: int | None
    allowance_s: int | None


class NoticeNow(TypedDict):
    """One role told of one decision, as far as that has come."""

    state: str
    at: str
    role: str
    person: str | None
    channel: str | None
    mode: str | None
    attempt: int
    reason: str | None
    escalation_id: str | None
    decision_version: int


class LastDecision(TypedDict):
    """The newest decision."""

    type: str
    at: str
    late_by_s: int
    triggers: list[str]


class TicketNow(Ticket):
    """A ticket as it stands now."""

    now: str
    policy: str | None
    policy_version: int | None
    group: str | None
    recurrence_of: str | None
    merged_into: str | None
    resolved_after_s: int | None
    missing_versions: int
    timers: list[Timer]
    ended_escalations: list[Escalation]
    last_decision: LastDecision | None
    notices: dict[str, int]
    latest_notices: list[NoticeNow]


class TimelineEntry(TypedDict):
    """One thing that happened: an event, a decision, or a step of a delivery."""

    kind: str
    type: str
    id: str
    source: str
    at: str
    received_at: str
    position: str
    repeats: int
    data: dict[str, Any]


class Heard(TimelineEntry):
    """One thing that happened, as the stream tells it."""

    ticket: str


class BoardTier(TypedDict):
    """One tier of the board."""

    tier: int | None
    open: int
    overdue: int
    tickets: list[Ticket]


class Board(TypedDict):
    """Per tier, the open tickets that are nearest to a breach."""

    now: str
    tiers: list[BoardTier]


class Group(TypedDict):
    """Tickets with one cause, which are one case."""

    case: Ticket
    members: int


class Draft(TypedDict):
    """A form that waits to be completed."""

    id: str
    act: str
    by: str | None
    role: str | None
    form: dict[str, Any]
    missing: list[str]
    allowed: list[str]
    refused_at: str


class Told(TypedDict):
    """One role that is told of a decision."""

    role: str
    mode: str
    fyi: bool
    at: str


class Entry(TypedDict):
    """One thing that happened, or will: an event, a signal of another case, or a decision."""

    at: str
    kind: str
    type: str
    text: str
    why: list[str]
    triggers: list[str]
    rule: str | None
    facts: dict[str, Any]
    arithmetic: list[str]
    told: list[Told]
    by: str | None
    role: str | None
    escalation_id: str | None
    event_id: str | None
    received_at: str | None


class NotTold(TypedDict):
    """Roles that were not told, or not asked to act, and why not."""

    roles: list[str]
    reason: str
    trigger: str | None
    escalation_id: str | None
    since: str | None
    until: str | None
    arithmetic: list[str]
    text: str


class Proposed(TypedDict):
    """An event that was not there."""

    type: str
    at: str
    data: dict[str, Any]


class Change(TypedDict):
    """One change of the history: what else somebody would have had to do or to say."""

    kind: str
    add: list[Proposed]
    limits: dict[str, Any]
    leave_out: list[str]
    in_time: list[str]


class Instead(TypedDict):
    """An escalation that would have been raised in place of another, or later."""

    track: str
    target: str
    at: str


class Prevention(TypedDict):
    """A change with which an escalation, or a call of it, would not have been; folded and seen."""

    prevents: str
    escalation_id: str
    track: str
    target: str
    at: str
    step: int | None
    triggers: list[str]
    change: Change
    latest: str | None
    instead: list[Instead]
    text: str


class ClosedDay(TypedDict):
    """A day without hours in a calendar that has hours on that weekday."""

    day: str
    reason: str


class Clock(TypedDict):
    """A promise to the customer, or the stay in the tier, as it stands."""

    name: str
    due: str | None
    calendar: str
    state: str
    used_s: int
    allowance_s: int
    closed: list[ClosedDay]


class OpenEscalation(TypedDict):
    """An escalation that is open."""

    escalation_id: str
    track: str
    target: str
    tier: int
    raised_at: str
    ack_due: str | None
    triggers: list[str]
    acknowledged_by: str | None


class PolicyName(TypedDict):
    """The policy version in force."""

    name: str
    version: int
    digest: str


class Plan(TypedDict):
    """What will happen to a ticket, to whom and when, if nothing else is heard."""

    ticket: str
    at: str
    view: str
    next: list[Entry]


class Explanation(TypedDict):
    """How a ticket stands at a moment, what made it so, what comes, why not, and what would."""

    ticket: str
    at: str
    view: str
    summary: str
    status: str
    tier: int
    priority: str
    cell: str
    owner: str | None
    flags: list[str]
    group: str | None
    merged_into: str | None
    policy: PolicyName
    escalations: list[OpenEscalation]
    timers: list[Clock]
    happened: list[Entry]
    earlier: int
    next: list[Entry]
    not_told: list[NotTold]
    prevention: list[Prevention]


class Tickets(TypedDict):
    """How many tickets there are, and how they stand."""

    total: int
    open: int
    by_tier: dict[str, int]
    by_priority: dict[str, int]
    by_status: dict[str, int]


class Escalations(TypedDict):
    """Escalations raised since the beginning."""

    raised: int
    by_trigger: dict[str, int]
    by_track: dict[str, int]


class Promise(TypedDict):
    """How one promise to the customers was kept."""

    met: int
    breached: int
    kept_share: float | None


class Stats(TypedDict):
    """Everything that is counted. Sums grow by every message once, however often it is said."""

    now: str
    lag_ms: int | None
    tickets: Tickets
    escalations: Escalations
    notices: dict[str, int]
    notices_total: int
    suppressed: dict[str, int]
    promises: dict[str, Promise]
    kept_share: float | None
    decisions: int
    late_decisions: int
    tickets_with_gaps: int
    missing_versions: int
    events: int
    events_by_type: dict[str, int]
    decisions_by_type: dict[str, int]
    deliveries: int
    repeats: int
    dead_letters: int


class Filters(TypedDict, total=False):
    """Which tickets are listed, and in which order; what is left out is not asked."""

    sort: str
    open: bool
    tier: int | Sequence[int]
    priority: str | Sequence[str]
    status: str | Sequence[str]
    team: str
    group: str
    owner: str
    customer: str
    due_before: str
    q: str
