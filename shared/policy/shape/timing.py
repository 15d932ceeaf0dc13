"""The sections about time: versions, time rules, calendars, timers, statuses, pauses."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from shared.contract.policies import HIGHEST_VERSION
from shared.policy.notation import Day, Duration, Moment, PositiveDuration, Windows, Zone
from shared.policy.shape.base import ByPlan, ByPriority, Section

Treatment: TypeAlias = Literal["run", "pause", "stop"]
TimerName: TypeAlias = Literal[
    "first_response",
    "next_response",
    "customer_update",
    "resolve",
    "tier_dwell",
    "ack",
    "department",
]
Need: TypeAlias = Literal[
    "public_question_in_same_action", "customer_contact", "customer_agreement_ref", "resume_at"
]
BusinessOrAlways: TypeAlias = Literal["always", "business"]


class Head(Section):
    """Name, version, and which clock follows which version."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")
    version: int = Field(ge=1, le=HIGHEST_VERSION, strict=True)
    valid_from: Moment
    customer_promises_pinned_at: Literal["ticket_creation"]
    internal_rules_pinned_at: Literal["newest_active_version"]
    past_due_grace_on_policy_change: Duration


class SkewedSource(Section):
    """How many skewed events within which time mark a source."""

    count: int = Field(ge=1, strict=True)
    within: PositiveDuration


class TimeRules(Section):
    """Whose clock counts, and what comes first at one instant."""

    tie_order: tuple[
        Literal["source_event"], Literal["human_action"], Literal["timer"], Literal["dispatch"]
    ]
    future_skew_tolerance: Duration
    skewed_source_after: SkewedSource
    late_event_window: Duration
    local_gap: Literal["shift_forward"]
    local_overlap: Literal["use_offset_else_first"]
    carry_on_priority_change: Literal["fraction_used"]


class WeekWindows(Section):
    """The open windows of each weekday; a day that is not named is closed."""

    mon: Windows = ()
    tue: Windows = ()
    wed: Windows = ()
    thu: Windows = ()
    fri: Windows = ()
    sat: Windows = ()
    sun: Windows = ()

    def days(self) -> dict[int, Windows]:
        """Return the windows by weekday, 0 for Monday."""
        listed = (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)
        return dict(enumerate(listed))


class CalendarShape(Section):
    """A calendar: around the clock, or weekly windows in a zone without the closed days."""

    kind: Literal["continuous", "weekly"] = "weekly"
    tz: Zone | None = None
    open: WeekWindows | None = None
    closed: dict[Day, str] = Field(default_factory=dict)


class BusinessCalendarRule(Section):
    """Which calendar is a ticket's business calendar."""

    by: Literal["contract_region"]
    default: str


class InternalCalendar(Section):
    """The calendar of dwell, ladders and notices; a severity may have one of its own."""

    default: Literal["same_as_calendar_for"]
    S1: BusinessOrAlways | None = None
    S2: BusinessOrAlways | None = None
    S3: BusinessOrAlways | None = None
    S4: BusinessOrAlways | None = None

    def table(self) -> dict[str, BusinessOrAlways | None]:
        """Return the severities' own calendars; None where the default holds."""
        return {"S1": self.S1, "S2": self.S2, "S3": self.S3, "S4": self.S4}


class CalendarFor(ByPriority[ByPlan[BusinessOrAlways]]):
    """The calendar of the promise, by priority and plan."""


class TimerShape(Section):
    """What starts a timer and what stops it."""

    start: str
    stop: str


class UpdateTimer(TimerShape):
    """The wait for the next word to the customer runs only for some priorities and tiers."""

    runs_for: ByPriority[Literal["always", "above_tier_1", "never"]]


class Timers(Section):
    """The seven timers."""

    first_response: TimerShape
    next_response: TimerShape
    customer_update: UpdateTimer
    resolve: TimerShape
    tier_dwell: TimerShape
    ack: TimerShape
    department: TimerShape


class StatusShape(Section):
    """What each timer does in one status; `every` speaks for the timers that are not named."""

    every: Treatment = "run"
    first_response: Treatment | None = None
    next_response: Treatment | None = None
    customer_update: Treatment | None = None
    resolve: Treatment | None = None
    tier_dwell: Treatment | None = None
    ack: Treatment | None = None
    department: Treatment | None = None

    def treatment(self, timer: str) -> Treatment:
        """Return what *timer* does in this status."""
        own: Treatment | None = getattr(self, timer)
        return own or self.every


class Statuses(Section):
    """Every status of a ticket."""

    new: StatusShape
    open: StatusShape
    waiting_customer: StatusShape
    waiting_internal: StatusShape
    waiting_vendor: StatusShape
    scheduled_hold: StatusShape
    resolved: StatusShape
    closed: StatusShape
    merged: StatusShape
    cancelled: StatusShape


class PauseGuard(Section):
    """What a pause needs, how long it may last and what ends it."""

    needs: tuple[Need, ...]
    max: PositiveDuration | None = None
    ends_on: tuple[Literal["resume_at", "any_customer_message"], ...]


class PauseGuards(Section):
    """The two statuses in which clocks stand still."""

    waiting_customer: PauseGuard
    scheduled_hold: PauseGuard


class WaitingStep(Section):
    """What is done after so long without an answer."""

    after: PositiveDuration
    do: Literal["remind", "lead_review_for_downgrade", "auto_resolve"]


class WaitingSteps(Section):
    """The steps of one priority and the calendar they count in."""

    calendar: BusinessOrAlways
    steps: tuple[WaitingStep, ...]


WaitingCustomerSteps: TypeAlias = ByPriority[WaitingSteps]
