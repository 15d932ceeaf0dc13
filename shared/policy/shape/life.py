"""The sections about a case's life: reopening, groups, merging, information, de-escalation."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from shared.policy.notation import Duration, PositiveDuration
from shared.policy.shape.base import ByPriority, Section

Form: TypeAlias = tuple[str, ...]


class Reopen(Section):
    """Until when a customer's message brings the same case back."""

    window: PositiveDuration
    resolve_clock: Literal["fraction_used"]
    after_window: Literal["new_ticket_linked_as_recurrence"]
    thanks_only_within: PositiveDuration


class Resolver(Section):
    """To whom a reopened case goes back."""

    to: Literal["tier_and_owner_that_resolved"]
    owner_absent_over: PositiveDuration
    otherwise: Literal["target_queue"]


class Requesters(Section):
    """So many different requesters."""

    distinct_requesters: int = Field(ge=2, strict=True)


class MemberEscalations(Section):
    """What becomes of a member's own escalations."""

    functional: Literal["suppressed"]
    hierarchical: Literal["digest"]
    external: Literal["suppressed"]
    digest_to: str
    digest_at_most_every: PositiveDuration


class Grouping(Section):
    """Many tickets, one cause."""

    fingerprint: tuple[Literal["service", "component", "symptom_code", "region"], ...] = Field(
        min_length=1
    )
    window: PositiveDuration
    propose_at: Requesters
    create_at: Requesters
    members_then_join: Literal["automatically_while_group_open"]
    group_carries: tuple[str, ...]
    member_keeps: tuple[str, ...]
    member_first_response: Literal["stopped_by_broadcast"]
    member_escalations: MemberEscalations
    never_swallowed: tuple[str, ...]
    on_group_resolved: Literal["members_become_resolved"]


class MergeResult(Section):
    """How two cases become one."""

    severity: Literal["highest"]
    impact: Literal["union"]
    plan: Literal["best"]
    vip: Literal["any"]
    tier: Literal["highest"]
    each_timer_due: Literal["earliest"]
    reopens: Literal["max"]
    hops: Literal["sum"]


class Merge(Section):
    """Two tickets about one thing."""

    result: MergeResult
    unanswered_requester: Literal["keeps_old_due_as_next_response"]
    source_ticket: Literal["merged_and_routed_to_target"]
    into_resolved_target: Literal["refused_unless_reopened"]
    undo_within: PositiveDuration


class RequiredInfo(Section):
    """The forms, and until when what is missing must come."""

    P1_or_override_minimum: Form
    info_debt_due: ByPriority[PositiveDuration]
    return_fix_by: ByPriority[PositiveDuration]
    t1_to_t2: Form
    t2_to_t3: Form
    t3_to_exec: Form
    to_department: Form
    return_: Form = Field(alias="return")
    return_reason_codes: Form
    de_escalate: Form
    shift_handoff: Form
    resolve: Form

    def forms(self) -> dict[str, Form]:
        """Return the forms by name."""
        return {
            "P1_or_override_minimum": self.P1_or_override_minimum,
            "t1_to_t2": self.t1_to_t2,
            "t2_to_t3": self.t2_to_t3,
            "t3_to_exec": self.t3_to_exec,
            "to_department": self.to_department,
            "return": self.return_,
            "de_escalate": self.de_escalate,
            "shift_handoff": self.shift_handoff,
            "resolve": self.resolve,
        }


class DeEscalation(Section):
    """How a case leaves a tier downwards."""

    conditions: tuple[str, ...]
    observe_window: ByPriority[Duration]
    one_tier_at_a_time: Literal[True]
    recurrence_memory: ByPriority[PositiveDuration]
    severity_lowered_while_escalated: Literal["stays_and_is_marked"]
