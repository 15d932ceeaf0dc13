"""Every decision the escalator announces: its type, its model, and how to read it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from pydantic import Field

from shared.contract.envelope import CloudEvent, Codec, Headers
from shared.contract.vocabulary import Fact, Mode, Moment, Priority, Status, Track

DECISION_SOURCE: Final = "tierline/escalator"
"""The CloudEvents source of every decision."""


class Direction(StrEnum):
    """Which way a case moved."""

    UP = "up"
    DOWN = "down"


class MoveKind(StrEnum):
    """Whether the policy or a person moved it."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class EndReason(StrEnum):
    """Why an escalation ended."""

    RESOLVED = "resolved"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"
    DECLINED = "declined"
    DE_ESCALATED = "de_escalated"


class RefusalCode(StrEnum):
    """Why an act was refused."""

    MISSING_INFORMATION = "missing_information"
    NOT_PERMITTED = "not_permitted"
    NOT_ELIGIBLE = "not_eligible"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    NO_OPEN_ESCALATION = "no_open_escalation"
    TICKET_NOT_OPEN = "ticket_not_open"
    TIER_SKIP_NOT_ALLOWED = "tier_skip_not_allowed"
    APPROVAL_EXPIRED = "approval_expired"
    APPROVAL_BY_SELF = "approval_by_self"
    SUPPRESSED_BY_COOLDOWN = "suppressed_by_cooldown"
    OBSERVATION_NOT_OVER = "observation_not_over"
    PAUSE_GUARD = "pause_guard"
    ASSIGNED_CANNOT_DECLINE = "assigned_cannot_decline"
    INTO_RESOLVED_TARGET = "into_resolved_target"
    ALREADY_AT_TIER = "already_at_tier"


class AlertCode(StrEnum):
    """What is wrong with the set-up itself."""

    NOBODY_ON_SCHEDULE = "nobody_on_schedule"
    ALL_CHANNELS_FAILED = "all_channels_failed"
    SKEWED_SOURCE = "skewed_source"
    NO_ELIGIBLE_ROLE = "no_eligible_role"


class TimerState(StrEnum):
    """How a clock stands."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"
    STOPPED = "stopped"


class PolicyRef(Fact):
    """The policy version that decided."""

    name: str = Field(description="The policy's name.")
    version: int = Field(ge=1, description="Its version, from 1.")
    digest: str = Field(description="sha256 of its text.")


class Because(Fact):
    """Why: enough to do the sum again by hand."""

    triggers: tuple[str, ...] = Field(description="Rows of the policy, `T01` to `T22`, or a word.")
    rule: str | None = Field(default=None, description="The rule in words.")
    facts: dict[str, Any] = Field(default_factory=dict, description="What was looked at.")
    arithmetic: tuple[Any, ...] = Field(default=(), description="The steps of the sum.")
    rule_retired: bool = Field(
        default=False, description="The newest policy no longer has the row that raised this."
    )


class Timer(Fact):
    """One clock of a case."""

    name: str = Field(description="`resolve`, `first_response`, `tier_dwell`, …")
    due: Moment | None = Field(description="When its allowance is used up; null while paused.")
    state: TimerState | None = Field(
        default=None, description="How it stands; a breached one may run on."
    )
    calendar: str = Field(description="The calendar it counts by.")
    used_s: int = Field(description="Calendar seconds used, rounded down.")
    allowance_s: int = Field(description="Calendar seconds allowed.")


class Notify(Fact):
    """One role to be told."""

    role: str = Field(description="The role; the notifier finds the person.")
    mode: Mode = Field(description="How insistently.")
    fyi: bool = Field(default=False, description="For information: no answer is asked.")


class Digest(Fact):
    """How a role is told of a group: of everything together, at most so often."""

    role: str = Field(description="The role; who has it depends on the customer.")
    about: str = Field(description="The group's key.")
    every_s: int = Field(
        ge=1, description="So many seconds lie between two messages to one person."
    )
    customers: tuple[str, ...] = Field(default=(), description="Whose tickets are meant.")


class InfoDebt(Fact):
    """Fields that the form asks for and nobody has given yet."""

    fields: tuple[str, ...] = Field(description="The missing fields.")
    due: Moment = Field(description="When they must be there.")


TITLE_AT_MOST: Final = 200
"""Characters of a title in a decision; the event has all of it."""


class About(Fact):
    """What a case is about; a key that is not there was never told.

    So whoever tells people needs no other topic. Of a `restricted` case open rooms see none of it.
    """

    title: str | None = Field(
        default=None, max_length=TITLE_AT_MOST, description="The ticket in one line, cut."
    )
    url: str | None = Field(default=None, description="Where the helpdesk shows the ticket.")
    owner: str | None = Field(default=None, description="Who works on it.")

    customer: str | None = Field(default=None, description="The customer's id.")
    component: str | None = Field(default=None, description="The component at fault.")
    service: str | None = Field(default=None, description="The service at fault.")


class Decision(Fact):
    """The base of every decision."""

    ticket: str = Field(description="The ticket's or group's key.")
    version: int = Field(ge=1, description="Rises by exactly 1 per ticket.")
    tier: int = Field(description="The tier after this decision.")
    priority: Priority = Field(description="The priority after this decision.")
    cell: str = Field(description="Severity and impact: `S3/I1`.")
    policy: PolicyRef = Field(description="The policy version that decided.")
    at: Moment = Field(description="The effective time.")
    late_by_s: int = Field(ge=0, description="How many seconds after `at` it was really decided.")
    because: Because = Field(description="Why.")
    notify: tuple[Notify, ...] = Field(default=(), description="Who is to be told.")
    digest: Digest | None = Field(
        default=None, description="How the one of them that reads digests of a group is told."
    )
    restricted: bool = Field(
        default=False,
        description="Whether only its number may be shown in open rooms; absent means false.",
    )
    about: About | None = Field(default=None, description="What the case is about.")
    hold_until: Moment | None = Field(
        default=None, description="Tell them no sooner: their calendar is closed until then."
    )
    timers: tuple[Timer, ...] = Field(
        default=(),
        description="All clocks as they stand now; absent where none of them has changed.",
    )


class CaseDecision(Decision):
    """The base of what happens to a case as a whole."""

    from_cell: str | None = Field(default=None, alias="from", description="The cell before.")
    to_cell: str | None = Field(default=None, alias="to", description="The cell after.")
    tracks: tuple[Track, ...] = Field(default=(), description="Tracks that the cell opens.")


class CaseOpened(CaseDecision):
    """A case began; `tier` is its start tier."""

    recurrence_of: str | None = Field(default=None, description="The case that it repeats.")
    requester: str | None = Field(
        default=None,
        description="Who asked and may be told that it has come; null: no contact, or seen midway.",
    )
    reported_at: Moment | None = Field(
        default=None, description="When they asked, by the helpdesk's own word; null: seen midway."
    )


class CaseReopened(CaseDecision):
    """A resolved case goes on."""


class CaseReclassified(CaseDecision):
    """The cell or the priority changed."""


class CaseRescheduled(Decision):
    """Clocks began, stood still or moved, and nothing else of the case did."""


class CaseClosed(CaseDecision):
    """Nothing more is measured."""

    status: Status | None = Field(default=None, description="The status that ended it.")


class TierChanged(Decision):
    """The case moved to another tier."""

    from_tier: int = Field(description="The tier before.")
    to_tier: int = Field(description="The tier after.")
    direction: Direction = Field(description="Up or down.")
    kind: MoveKind = Field(description="By policy or by a person.")
    track: Track = Field(description="The escalation's track.")


class EscalationDecision(Decision):
    """The base of every decision about one escalation."""

    escalation_id: str = Field(description="Unique for the raise.")
    track: Track = Field(description="Its track.")
    target: str = Field(description="`t1` to `t3`, a role, a department, `orphan` or `exec`.")


class EscalationRaised(EscalationDecision):
    """People are called; one of them must answer."""

    ack_due: Moment | None = Field(default=None, description="When an answer is due.")
    info_debt: InfoDebt | None = Field(default=None, description="Fields still owed.")
    binding: bool = Field(default=False, description="Assigned: it cannot be declined.")


class NoticeDue(EscalationDecision):
    """More people, or the same again, are told of an open escalation."""

    step: int | None = Field(default=None, description="Ladder step from 0; null off the ladder.")


class AcknowledgementTaken(EscalationDecision):
    """Somebody took it; the ladder stops, the escalation stays open."""

    by: str | None = Field(description="Who.")
    role: str | None = Field(default=None, description="In which role.")
    step: int | None = Field(default=None, description="The ladder step reached.")
    after_s: int | None = Field(default=None, description="Seconds since the raise.")
    stand_down: tuple[str, ...] = Field(default=(), description="Roles called needlessly since.")


class EscalationEnded(EscalationDecision):
    """Nothing more is asked of anybody."""

    by: str | None = Field(default=None, description="Who ended it, if a person did.")
    reason: EndReason = Field(description="Why.")
    detail: str | None = Field(
        default=None,
        description="With `withdrawn`: what withdrew it; with `returned` and `declined`: why.",
    )
    proposed: str | None = Field(
        default=None, description="With `declined`: the department that is asked instead."
    )
    stand_down: tuple[str, ...] = Field(default=(), description="Roles called, each once.")


class TimerDecision(Decision):
    """The base of what a timer did."""

    timer: str = Field(description="Its name.")
    share: float | None = Field(default=None, description="Part of the allowance used.")
    due: Moment | None = Field(default=None, description="When it is or was due.")


class TimerWarned(TimerDecision):
    """A timer used a share of its allowance that the policy warns at."""

    step: str | None = Field(default=None, description="With `waiting_customer`: what is asked.")


class TimerBreached(TimerDecision):
    """A promise to the customer was not kept in time."""


class TimerMet(TimerDecision):
    """A promise to the customer was kept."""


class ActRefused(Decision):
    """Somebody asked for what the policy does not allow; nothing changed."""

    act_id: str = Field(description="The id of the refused event.")
    by: str | None = Field(default=None, description="Who asked.")
    code: RefusalCode = Field(description="Why it was refused.")
    missing: tuple[str, ...] = Field(default=(), description="What was not given.")
    allowed: tuple[str, ...] = Field(default=(), description="What would have been accepted.")


class GroupDecision(Decision):
    """The base of what happens to a group of tickets with one cause."""

    group_id: str = Field(description="The group's key.")
    members: int | None = Field(default=None, description="How many tickets are in it.")
    fingerprint: Any = Field(default=None, description="What its members share.")


class GroupProposed(GroupDecision):
    """Enough tickets look alike for a person to decide."""


class GroupOpened(GroupDecision):
    """Enough tickets look alike; from now on they are one case."""


class GroupJoined(GroupDecision):
    """A ticket became a member; `ticket` is the member."""


class GroupLeft(GroupDecision):
    """A ticket is no member any more; `ticket` is the member."""


class GroupClosed(GroupDecision):
    """No member is open."""


class ConfigAlert(Decision):
    """The set-up needs attention: a rota, a role, a source's clock."""

    code: AlertCode = Field(description="What is wrong.")
    detail: Any = Field(default=None, description="Which one.")


DecisionData = (
    CaseOpened
    | CaseReopened
    | CaseReclassified
    | CaseRescheduled
    | CaseClosed
    | TierChanged
    | EscalationRaised
    | NoticeDue
    | AcknowledgementTaken
    | EscalationEnded
    | TimerWarned
    | TimerBreached
    | TimerMet
    | ActRefused
    | GroupProposed
    | GroupOpened
    | GroupJoined
    | GroupLeft
    | GroupClosed
    | ConfigAlert
)
"""The data of any decision; match on it, and mypy names what a `match` forgot."""

DecisionEvent = CloudEvent[DecisionData]
"""Any decision, for annotations. At run time look at `event.data`."""

DECISION_MODELS: Final[Mapping[str, type[DecisionData]]] = MappingProxyType(
    {
        "case.opened": CaseOpened,
        "case.reopened": CaseReopened,
        "case.reclassified": CaseReclassified,
        "case.rescheduled": CaseRescheduled,
        "case.closed": CaseClosed,
        "tier.changed": TierChanged,
        "escalation.raised": EscalationRaised,
        "escalation.notice_due": NoticeDue,
        "escalation.acknowledged": AcknowledgementTaken,
        "escalation.ended": EscalationEnded,
        "timer.warned": TimerWarned,
        "timer.breached": TimerBreached,
        "timer.met": TimerMet,
        "act.refused": ActRefused,
        "group.proposed": GroupProposed,
        "group.opened": GroupOpened,
        "group.joined": GroupJoined,
        "group.left": GroupLeft,
        "group.closed": GroupClosed,
        "config.alert": ConfigAlert,
    }
)
"""The model of each decision type's data."""

_CODEC: Final[Codec[DecisionData]] = Codec(DECISION_MODELS)


def decode_decision(value: bytes | None, headers: Headers = ()) -> DecisionEvent:
    """Return the decision in a record of `tickets.tier-changes`.

    Raises:
        InvalidEventError: It is none; the message names path, problem and remedy.
    """
    return _CODEC.decode(value, headers)
