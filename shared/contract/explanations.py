"""Why a ticket stands where it stands: what `explain` and `plan` answer, in Python and as JSON.

Every instant is RFC 3339 in UTC, whole seconds. Keys are the contract: more may come, none changes.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contract.vocabulary import Moment


class View(StrEnum):
    """What counts as known: what had been heard by then, or all that has been heard since."""

    THEN = "then"
    NOW = "now"


class WhyNot(StrEnum):
    """Why somebody was not told, was told later, or was told without being asked to act."""

    ACKNOWLEDGED = "acknowledged"
    BELOW_IMPACT = "below_impact"
    BELOW_THRESHOLD = "below_threshold"
    COOLDOWN = "cooldown"
    ENDED = "ended"
    FYI = "fyi"
    GROUP = "group"
    JOINED = "joined"
    KEPT = "kept"
    NO_ROW = "no_row"
    NOT_YET = "not_yet"
    PAUSED = "paused"
    QUIET_HOURS = "quiet_hours"
    REFUSED = "refused"
    SNOOZED = "snoozed"
    UNREACHED = "unreached"


class Part(BaseModel):
    """The base of everything here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Told(Part):
    """One role that is told of a decision."""

    role: str = Field(examples=["t2_lead"])
    mode: str = Field(examples=["chat"])
    fyi: bool = Field(description="For information: no answer is asked for.")
    at: Moment = Field(description="When the notice may go out; later than `at` in quiet hours.")


class Entry(Part):
    """One thing that happened, or will: an event, a signal of another case, or a decision."""

    at: Moment = Field(description="When it counts.")
    kind: Literal["event", "signal", "decision"]
    type: str = Field(description="As on the topics.", examples=["escalation.raised"])
    text: str = Field(description="It, in one sentence.")
    why: tuple[str, ...] = Field(
        description="Of a decision its reasons, of what came too late by how much, in sentences."
    )
    triggers: tuple[str, ...] = Field(examples=[["T06"]])
    rule: str | None = Field(description="The trigger that decided.", examples=["T06"])
    facts: dict[str, Any] = Field(description="What was looked at.")
    arithmetic: tuple[str, ...] = Field(description="The sums, to be done again by hand.")
    told: tuple[Told, ...] = Field(description="Who is told, and when.")
    by: str | None = Field(description="Who acted.")
    role: str | None = Field(description="The role that they acted in.")
    escalation_id: str | None
    event_id: str | None = Field(description="The id of the event, or of the act refused.")
    received_at: Moment | None = Field(
        description="Of what was heard late: when it reached us; else null."
    )


class NotTold(Part):
    """Roles that were not told, or not asked to act, and why not."""

    roles: tuple[str, ...] = Field(examples=[["exec_oncall"]])
    reason: WhyNot
    trigger: str | None = Field(description="The row in question.", examples=["T10"])
    escalation_id: str | None = Field(description="The escalation in question.")
    since: Moment | None = Field(description="From when the reason holds.")
    until: Moment | None = Field(description="When they will be told, if nothing else is heard.")
    arithmetic: tuple[str, ...]
    text: str


class Proposed(Part):
    """An event that was not there."""

    type: str = Field(examples=["ticket.message"])
    at: Moment
    data: dict[str, Any]


class Change(Part):
    """One change of the history: what else somebody would have had to do or to say."""

    kind: str = Field(
        description="`reply`, `progress`, `pause`, `resolve`, `acknowledge`, `severity`, `impact`,"
        " `flag`, `unsaid` or `in_time`.",
        examples=["reply"],
    )
    add: tuple[Proposed, ...] = Field(default=(), description="Events more.")
    limits: dict[str, Any] = Field(
        default={},
        description="Facts that are never reported graver than this; `flags` that are never set.",
        examples=[{"affected_users": 9, "affected_orgs": 2}],
    )
    leave_out: tuple[str, ...] = Field(default=(), description="Ids of events that do not come.")
    in_time: tuple[str, ...] = Field(default=(), description="Ids of events that come by `latest`.")


class Instead(Part):
    """An escalation that would have been raised in place of another, or later."""

    track: str
    target: str
    at: Moment


class Prevention(Part):
    """A change with which an escalation, or a call of it, would not have been; folded and seen."""

    prevents: Literal["escalation", "call"]
    escalation_id: str
    track: str = Field(examples=["functional"])
    target: str = Field(examples=["t2"])
    at: Moment = Field(description="When it was raised, or the call was due.")
    step: int | None = Field(description="With `call`: the step of the ladder.")
    triggers: tuple[str, ...] = Field(examples=[["T06"]])
    change: Change
    latest: Moment | None = Field(
        description="The last second at which the change prevents it; null where time is not asked."
    )
    instead: tuple[Instead, ...]
    text: str


class ClosedDay(Part):
    """A day without hours in a calendar that has hours on that weekday."""

    day: date
    reason: str = Field(examples=["National Day"])


class Clock(Part):
    """A promise to the customer, or the stay in the tier, as it stands."""

    name: str = Field(examples=["first_response"])
    due: Moment | None
    calendar: str
    state: str = Field(examples=["running"])
    used_s: int
    allowance_s: int
    closed: tuple[ClosedDay, ...] = Field(
        description="Closed days of its calendar, from the case's opening until it is due."
    )


class OpenEscalation(Part):
    """An escalation that is open."""

    escalation_id: str
    track: str
    target: str
    tier: int
    raised_at: Moment
    ack_due: Moment | None
    triggers: tuple[str, ...]
    acknowledged_by: str | None


class PolicyName(Part):
    """The policy version in force."""

    name: str
    version: int
    digest: str


class Plan(Part):
    """What will happen to a ticket, to whom and when, if nothing else is heard."""

    ticket: str = Field(examples=["desk:INC0001"])
    at: Moment = Field(description="The moment that is looked from.")
    view: View
    next: tuple[Entry, ...] = Field(description="At most ten decisions of at most fourteen days.")


class Explanation(Part):
    """How a ticket stands at a moment, what made it so, what comes, why not, and what would."""

    ticket: str = Field(examples=["desk:INC0001"])
    at: Moment
    view: View
    summary: str = Field(description="How it stands, in sentences.")
    status: str = Field(examples=["open"])
    tier: int
    priority: str = Field(examples=["P3"])
    cell: str = Field(examples=["S3/I1"])
    owner: str | None
    flags: tuple[str, ...]
    group: str | None
    merged_into: str | None
    policy: PolicyName
    escalations: tuple[OpenEscalation, ...]
    timers: tuple[Clock, ...]
    happened: tuple[Entry, ...] = Field(
        description="Up to `at`, in the order of the view: the last 500 entries."
    )
    earlier: int = Field(description="How many entries came before those of `happened`.")
    next: tuple[Entry, ...] = Field(description="As in a plan.")
    not_told: tuple[NotTold, ...]
    prevention: tuple[Prevention, ...] = Field(
        description="Of the escalations raised last; the newest escalation first."
    )
