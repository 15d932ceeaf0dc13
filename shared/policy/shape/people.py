"""The sections about people: permissions, departments, channels, words to customers, roles, RACI."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, PlainValidator, StrictBool

from shared.contract.times import Seconds
from shared.policy.notation import PositiveDuration, parse_positive_duration
from shared.policy.shape.base import ByPriority, Section
from shared.policy.shape.timing import BusinessOrAlways

Roles: TypeAlias = tuple[str, ...]


def parse_first_notice(given: Any) -> Seconds | None:
    """Return the seconds that *given* says, or None where the first response is the notice."""
    return None if given == "first_response" else parse_positive_duration(given)


FirstNotice = Annotated[Seconds | None, PlainValidator(parse_first_notice)]
"""A length of time, or `first_response`: with the first response, which is None here."""

RaciLetter: TypeAlias = Literal["R", "A", "C", "I", "AR"]
OneLetter: TypeAlias = Literal["R", "A", "C", "I"]


class SkipTier2(Section):
    """When tier 1 may hand straight to tier 3."""

    allowed_if: tuple[
        Literal[
            "priority_P1", "any_override_with_min_tier_3", "t2_unacknowledged_past_ladder_step_2"
        ],
        ...,
    ]
    else_needs_approval_of: Roles
    not_self: StrictBool
    approval_expires: PositiveDuration


class EditPolicy(Section):
    """Who proposes and who approves a policy."""

    propose: Roles
    approve: Roles
    not_self: StrictBool


class Permissions(Section):
    """Who may do what to a case."""

    raise_up_one_tier: Roles
    skip_tier_2: SkipTier2
    return_once_for_missing_information: Roles
    decline: Roles
    assign_against_decline: Roles
    change_severity_up: Roles
    change_severity_down: Roles
    de_escalate: Roles
    edit_policy: EditPolicy


class OlaShape(Section):
    """Within what a department acknowledges, and how often it reports."""

    acknowledge: PositiveDuration
    update: PositiveDuration


class DepartmentShape(Section):
    """A department that can be asked for help."""

    raci: OneLetter
    duty: str
    backup: str
    head: str
    intake: str
    use_for: str
    hours: ByPriority[BusinessOrAlways]
    ola: ByPriority[OlaShape]


class DeclineRule(Section):
    """Until when a department may decline, and what it must give."""

    within: Literal["ack_ola"]
    needs: tuple[Literal["reason_code", "proposed_department"], ...]


class DepartmentRules(Section):
    """What holds between departments."""

    decline: DeclineRule
    after_first_decline: Literal["to_proposed_department_with_fresh_ola"]
    after_second_decline: Literal["orphan_assigned_by_escalation_manager"]
    orphan_assign_by: ByPriority[PositiveDuration]
    informed_department_asked_to_act: Literal["consulted_on_this_case"]
    fix_tracked_where: Literal["department_tracker"]


class ChannelShape(Section):
    """A room or a mailbox, and who may write there."""

    chat: str
    email: str
    post: Roles = Field(min_length=1)
    purpose: str


class Channels(Section):
    """Where people speak about cases."""

    tier1: ChannelShape
    tier2: ChannelShape
    tier3: ChannelShape
    case_room: ChannelShape
    leads: ChannelShape
    announce: ChannelShape
    executive: ChannelShape
    restricted: ChannelShape
    wrong_place: Literal["answered_with_link_starts_no_clock"]


class Cadence(Section):
    """How often customers and executives hear of a P1."""

    customers: PositiveDuration
    executives: PositiveDuration
    after: PositiveDuration
    then_customers: PositiveDuration
    always_contains: tuple[str, ...]
    never_contains: tuple[str, ...]


class ManagerCalls(Section):
    """When a manager takes a call with the customer."""

    T16: StrictBool
    enterprise_p1: StrictBool = Field(alias="enterprise_P1")


class Communication(Section):
    """What people outside hear, and when."""

    first_customer_notice: ByPriority[FirstNotice]
    p1_cadence: Cadence
    templates: tuple[str, ...]
    stand_down: Literal["one_closing_notice_to_everyone_called"]
    manager_takes_a_call: ManagerCalls


class RaciRow(Section):
    """Who is responsible, accountable, consulted and informed for one activity."""

    CS: RaciLetter
    IT: RaciLetter
    PM: RaciLetter
    ENG: RaciLetter
    EXEC: RaciLetter
    OPS: RaciLetter
    QA: RaciLetter
    MKT: RaciLetter


class Raci(Section):
    """The activities of the process."""

    define_tiers_and_criteria: RaciRow
    maintain_procedures_and_matrix: RaciRow
    operate_channels_and_access: RaciRow
    train_and_role_play: RaciRow
    triage_and_raise: RaciRow
    work_tier_1_and_2: RaciRow
    work_tier_3: RaciRow
    inform_customers: RaciRow
    track_alert_and_report: RaciRow
    review_and_prevent: RaciRow
