"""What the API answers: models with the words of the contract, nothing of how it is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Reply(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Customer(Reply):
    """Whose ticket it is."""

    id: str | None
    name: str | None
    plan: str | None
    vip: bool
    region: str | None


class Deadline(Reply):
    """A promise to the customer, the end of a stay in a tier, or an answer that is waited for."""

    timer: str = Field(description="The timer, or `answer`.", examples=["first_response"])
    target: str | None = Field(description="With `answer`: whose.", examples=["t2"])
    due: datetime = Field(examples=["2026-03-02T12:00:00Z"])
    due_in_s: int = Field(description="Seconds from now; negative once it is overdue.")


class Escalation(Reply):
    """One escalation."""

    escalation_id: str
    track: str = Field(examples=["functional"])
    target: str = Field(examples=["t2"])
    tier: int | None
    triggers: list[str] = Field(examples=[["T06"]])
    called: list[str] = Field(
        description="Roles called to act so far.", examples=[["t2_queue", "t2_lead"]]
    )
    raised_at: datetime | None
    ack_due: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledged_after_s: int | None = Field(
        description="Wall seconds from the raise to the answer.", examples=[790]
    )
    acknowledged_step: int | None = Field(
        description="How far up the ladder somebody answered; 0 is its first step."
    )
    ended_at: datetime | None
    end: str | None = Field(description="Why it ended: `resolved`, `superseded`, …")


class Counters(Reply):
    """What has happened on a ticket, counted."""

    escalations: int = Field(description="Escalations raised.")
    notices: int = Field(description="Notices planned.")
    late: int = Field(description="Decisions that were made late.")
    breached: int = Field(description="Promises broken.")
    met: int = Field(description="Promises kept.")
    reopens: int


class Ticket(Reply):
    """A ticket in a list."""

    key: str = Field(examples=["desk:INC0001"])
    source: str = Field(examples=["desk"])
    subject: str = Field(examples=["INC0001"])
    title: str | None
    url: str | None
    status: str = Field(examples=["open"])
    open: bool
    tier: int | None = Field(description="Null until the escalator has decided.")
    priority: str | None = Field(examples=["P2"])
    severity: str | None = Field(examples=["S2"])
    impact: str | None = Field(examples=["I2"])
    customer: Customer
    requester: str | None
    owner: str | None
    service: str | None
    component: str | None
    flags: list[str]
    teams: list[str] = Field(
        description="Whose turn it is: the tier's, and whom open escalations went to.",
        examples=[["engineering", "t2"]],
    )
    opened_at: datetime | None
    updated_at: datetime | None
    version: int = Field(description="The version of its last decision; 0 before the first.")
    next_deadline: Deadline | None = Field(
        description="The promise to the customer that is due next, or has been due longest."
    )
    next_step: Deadline | None = Field(
        description="What will be due next: a promise, the end of the stay, or an answer."
    )
    customer_waits_since: datetime | None = Field(
        description="The customer's last message, where no public reply came after it."
    )
    escalations: list[Escalation] = Field(description="The open ones, oldest first.")
    counters: Counters


class Timer(Reply):
    """One clock of a case, as last stated."""

    name: str
    state: str = Field(examples=["running"])
    due: datetime | None
    calendar: str | None
    used_s: int | None = Field(description="Calendar seconds used when last stated.")
    allowance_s: int | None


class NoticeNow(Reply):
    """One role told of one decision, as far as that has come."""

    state: str = Field(examples=["sent"])
    at: datetime = Field(description="When it came to that state.")
    role: str = Field(examples=["t2_lead"])
    person: str | None
    channel: str | None
    mode: str | None = Field(examples=["chat"])
    attempt: int
    reason: str | None = Field(description="Why it failed or was not sent.")
    escalation_id: str | None
    decision_version: int


class LastDecision(Reply):
    """The newest decision."""

    type: str
    at: datetime
    late_by_s: int
    triggers: list[str]


class TicketNow(Ticket):
    """A ticket as it stands now."""

    now: datetime = Field(description="The installation's clock, or the moment asked about.")
    policy: str | None
    policy_version: int | None
    group: str | None
    recurrence_of: str | None = Field(
        description="The case that this one repeats; the ticket's events stand there."
    )
    merged_into: str | None
    resolved_after_s: int | None = Field(
        description="Wall seconds from the opening to the resolution that holds; null while it is"
        " open, also again."
    )
    missing_versions: int = Field(description="Decisions that have not arrived; should be 0.")
    timers: list[Timer]
    ended_escalations: list[Escalation]
    last_decision: LastDecision | None
    notices: dict[str, int] = Field(description="Notices by state.", examples=[{"sent": 2}])
    latest_notices: list[NoticeNow] = Field(description="Those that moved last, newest first.")


class TicketPage(Reply):
    """One page of tickets."""

    now: datetime = Field(description="The installation's clock.")
    items: list[Ticket]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page.")


class Group(Reply):
    """Tickets with one cause, which are one case."""

    case: Ticket = Field(description="How the group itself stands; its key begins with `group:`.")
    members: int = Field(description="Tickets in it; ask `/v1/tickets?group=` for them.")


class GroupPage(Reply):
    """One page of groups."""

    now: datetime
    items: list[Group]
    next_cursor: str | None


class TimelineEntry(Reply):
    """One thing that happened: an event, a decision, or a step of a delivery."""

    kind: str = Field(examples=["decision"])
    type: str = Field(examples=["tier.changed"])
    id: str
    source: str
    at: datetime = Field(description="When it counts.")
    received_at: datetime = Field(description="When it reached Tierline, was decided or was sent.")
    position: str = Field(examples=["tickets.events/3:1234"])
    repeats: int = Field(description="How often it was said again, without effect.")
    data: dict[str, Any]


class Heard(TimelineEntry):
    """One thing that happened, as the stream tells it."""

    ticket: str = Field(examples=["desk:INC0001"])


class TimelinePage(Reply):
    """One page of a ticket's timeline."""

    ticket: str
    now: datetime
    items: list[TimelineEntry]
    next_cursor: str | None


class BoardTier(Reply):
    """One tier of the board."""

    tier: int | None = Field(description="Null: not decided yet.")
    open: int
    overdue: int = Field(description="Open ones whose promise to the customer is overdue.")
    tickets: list[Ticket] = Field(description="Those nearest to a breach first.")


class Board(Reply):
    """Per tier, the open tickets that are nearest to a breach."""

    now: datetime
    tiers: list[BoardTier]


class Followed(Reply):
    """A decision that an act has led to."""

    type: str = Field(examples=["escalation.acknowledged"])
    version: int
    because: list[str] = Field(description="Its triggers.", examples=[["manual"]])


class Refusal(Reply):
    """Why an act was refused."""

    code: str = Field(examples=["missing_information"])
    missing: list[str]
    allowed: list[str] = Field(description="What would have been accepted.")
    version: int | None = Field(
        description="The version of the decision that refused it; null: it was refused at once."
    )


class Act(Reply):
    """What became of an act, or of any other event."""

    act_id: str
    ticket: str
    type: str = Field(examples=["escalation.acknowledged"])
    by: str | None
    at: datetime = Field(description="When it counts.")
    received_at: datetime
    position: str = Field(examples=["tickets.events/3:1234"])
    state: str = Field(
        description="`refused`; `accepted`: it has led to decisions, or the escalator has decided on"
        " what was reported later; `recorded`: in the log, and no more is known.",
        examples=["accepted"],
    )
    refusal: Refusal | None
    draft: dict[str, Any] | None = Field(
        description="A form that was refused at once, as far as it was filled in."
    )
    followed: list[Followed] = Field(description="Decisions that it has led to.")


class HistoryPoint(Reply):
    """One hour or day."""

    at: datetime = Field(description="Its beginning.")
    opened: int = Field(description="Cases opened or reopened.")
    closed: int
    escalated: int = Field(description="Moves up a tier.")
    breached: int = Field(description="Promises broken.")
    open: int = Field(description="Load: cases open at its end.")
    stay_s: dict[str, int] = Field(
        description="By tier, how long the stays that ended in it were, on average, seconds.",
        examples=[{"1": 14400}],
    )


class History(Reply):
    """How it went, by the hour or by the day. Groups are not counted, their members are."""

    now: datetime
    step_s: int = Field(examples=[3600])
    points: list[HistoryPoint]


class AlarmNow(Reply):
    """Something that should have happened and has not."""

    kind: str = Field(
        description="`dropped_timer`: a clock was due, and neither kept nor broken; `undecided`:"
        " a ticket on which nothing was decided; `untold`: a decision of which no notice is known;"
        " `stuck`: a topic is not read to its end.",
        examples=["dropped_timer"],
    )
    ticket: str | None = Field(examples=["desk:INC0001"])
    what: str = Field(examples=["first_response"])
    since: datetime


class Alarms(Reply):
    """What the watchdog sees, the oldest first; at most 100 of them."""

    now: datetime = Field(description="When it looked.")
    watched: int = Field(description="Tickets on which something is waited for.")
    by_kind: dict[str, int] = Field(description="How many of each kind; every kind is named.")
    alarms: list[AlarmNow]
