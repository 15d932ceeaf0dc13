"""The sections about calling people: ladders and triggers."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from pydantic import Field, StrictBool, field_validator

from shared.policy.notation import (
    NONE,
    Deadline,
    Duration,
    OptionalDuration,
    Person,
    PositiveDuration,
)
from shared.policy.shape.base import ByPriority, Mode, Section, Track

RowTarget: TypeAlias = Literal[
    "hold",
    2,
    3,
    "up",
    "min2",
    "resolver",
    "product",
    "exec",
    "cell_start",
    "3_or_product_if_S4",
    "up_not_S4",
]
TRIGGER_ID_LENGTH: Final = 3


class StepShape(Section):
    """One step of a ladder."""

    after: Duration
    to: tuple[Person, ...] = Field(min_length=1)
    mode: Mode


class ThenShape(Section):
    """What goes on after the last step."""

    from_: PositiveDuration = Field(alias="from")
    every: PositiveDuration
    to: tuple[Person, ...] = Field(min_length=1)
    mode: Mode


class LadderShape(Section):
    """Who is called while nobody acknowledges."""

    renotify: PositiveDuration
    steps: tuple[StepShape, ...] = Field(min_length=1)
    then: ThenShape


class LiaisonSeat(Section):
    """Within what the liaison answers for the own seat, and who is called otherwise."""

    ack: PositiveDuration
    then: str


class SeatAck(Section):
    """People called at the start who answer for their own seat."""

    customer_liaison: LiaisonSeat
    department: Literal["department_ola"]


class Ladders(Section):
    """The ladders, and what holds for all of them."""

    P1: LadderShape
    P2: LadderShape
    P3: LadderShape
    P4: LadderShape
    exec: LadderShape
    ack_by: tuple[str, ...] = Field(min_length=1)
    seat_ack: SeatAck
    channel_order: tuple[str, ...]

    def table(self) -> dict[str, LadderShape]:
        """Return the ladders by name."""
        return {"P1": self.P1, "P2": self.P2, "P3": self.P3, "P4": self.P4, "exec": self.exec}


class RowShape(Section):
    """What a trigger asks for at one priority."""

    to: RowTarget
    track: Track
    notify: tuple[Person, ...] = Field(min_length=1)
    mode: Mode
    by: Deadline = None
    ack: OptionalDuration = None
    renotify: OptionalDuration = None


class Rows(Section):
    """A trigger: one row for each priority, or `none` where nothing happens."""

    P1: RowShape | None
    P2: RowShape | None
    P3: RowShape | None
    P4: RowShape | None

    @field_validator("P1", "P2", "P3", "P4", mode="before")
    @classmethod
    def _nothing(cls, given: Any) -> Any:
        return None if given == NONE else given

    def table(self) -> dict[str, RowShape | None]:
        """Return the rows by priority."""
        return {"P1": self.P1, "P2": self.P2, "P3": self.P3, "P4": self.P4}


class PastDue(Section):
    """What becomes of a limit that a change leaves in the past."""

    cell_worsened: Literal["fire_at_once"]
    vip_or_plan_set_later: Literal["grace"]
    policy_version: Literal["grace"]


class ExecCooldown(Section):
    """How long executives are left alone after a raise, and what breaks it."""

    same_ticket: PositiveDuration
    broken_by: tuple[Literal["priority_raised", "impact_band_raised", "override_set"], ...]


class Conflict(Section):
    """What several rows of one instant make together."""

    tier: Literal["highest"]
    deadlines: Literal["earliest"]
    ack: Literal["shortest"]
    notify: Literal["union_once_per_person"]


class NoticeDedup(Section):
    """When two notices to one person are one."""

    key: tuple[Literal["recipient", "ticket_or_group", "escalation"], ...]
    window: PositiveDuration
    newest_text_wins: StrictBool


class Triggers(Section):
    """The rows T01 to T22, and what holds for all of them."""

    T01_first_response_50: Rows
    T02_first_response_75: Rows
    T03_first_response_breach: Rows
    T04_next_response_breach: Rows
    T05_customer_update_overdue: Rows
    T06_tier1_dwell: Rows
    T07_tier2_dwell: Rows
    T08_resolve_50: Rows
    T09_resolve_75: Rows
    T10_resolve_90: Rows
    T11_resolve_breach: Rows
    T12_reopen_1: Rows
    T13_reopen_2: Rows
    T14_reopen_3_or_more: Rows
    T15_three_hops_no_progress: Rows
    T16_customer_asks_manager: Rows
    T17_department_ack_overdue: Rows
    T18_department_update_overdue: Rows
    T19_stale_ack: Rows
    T20_cell_worsened: Rows
    T21_no_higher_tier: Rows
    T22_exec_timer: Rows
    stale_ack_after: ByPriority[PositiveDuration]
    past_due_after_change: PastDue
    exec_cooldown: ExecCooldown
    conflict: Conflict
    notice_dedup: NoticeDedup

    def rows(self) -> dict[str, Rows]:
        """Return the triggers by their whole name, in the order of their numbers."""
        return {
            name: value
            for name in type(self).model_fields
            if isinstance(value := getattr(self, name), Rows)
        }
