"""What people and the notifier do to a case: the `escalation.*`, `case.*` and `feedback.*` events."""

from __future__ import annotations

from pydantic import Field

from shared.contract.facts import Reported
from shared.contract.vocabulary import (
    Count,
    Fact,
    Form,
    Moment,
    Name,
    Text,
    Tier,
    Track,
    UnreachedCode,
)


class Approval(Fact):
    """Somebody's leave for an act that needs one."""

    by: Name = Field(description="Who approved; never the one who asks.")
    role: Name = Field(description="The role they approved in.")
    at: Moment = Field(description="When; it expires by policy.")


class EscalationAct(Reported):
    """The base of every act on an escalation.

    Without `escalation_id` the open escalation of `track` is meant (default: functional); for the
    external track the one of `department`.
    """

    escalation_id: Name | None = Field(default=None, description="Which escalation.")
    track: Track | None = Field(default=None, description="Its track, where no id is given.")
    department: Name | None = Field(
        default=None, description="Its department, on the external track."
    )
    info: Form | None = Field(
        default=None, description="The fields of the form that the policy asks for."
    )
    reason: Text | None = Field(default=None, description="Why, in words.")


class EscalationRequested(EscalationAct):
    """Somebody asks for a higher tier, a department or a manager; default: one tier up."""

    to_tier: Tier | None = Field(default=None, description="The tier wanted.")
    approved_by: Approval | None = Field(default=None, description="Leave to skip a tier.")
    as_of: Count | None = Field(
        default=None, description="Version of the case that the person saw."
    )


class EscalationAcknowledged(EscalationAct):
    """Somebody who was called takes it."""

    restated: Text | None = Field(default=None, description="The problem in the taker's own words.")


class EscalationReturned(EscalationAct):
    """The receiving tier gives the case back."""

    reason_code: Name | None = Field(default=None, description="A return reason of the policy.")


class EscalationDeclined(EscalationAct):
    """A department says that it is not theirs."""

    reason_code: Name | None = Field(default=None, description="Why.")
    to: Name | None = Field(default=None, description="The department it proposes instead.")


class EscalationHandedOver(EscalationAct):
    """The owner gives the work to another person of the same tier."""

    to: Name | None = Field(default=None, description="Who owns it now.")


class EscalationDeescalated(EscalationAct):
    """The case goes one tier down."""


class InfoSupplied(EscalationAct):
    """Fields that were still owed are now known."""


class EscalationAssigned(EscalationAct):
    """The escalation manager gives an orphan to a department, binding."""

    to: Name = Field(description="The department that must take it.")


class CaseSnoozed(Reported):
    """Somebody asks for silence until a time."""

    until: Moment = Field(description="When the silence ends.")
    reason: Text | None = Field(default=None, description="Why.")


class CaseFlagged(Reported):
    """An override of the policy holds from now on."""

    flag: Name = Field(description="The override's name, for example `data_loss`.")
    reason: Text | None = Field(default=None, description="Why.")


class CaseUnflagged(Reported):
    """An override no longer holds."""

    flag: Name = Field(description="The override's name.")
    reason: Text | None = Field(default=None, description="Why.")


class EscalationUnreached(Reported):
    """The notifier could tell nobody for `role`."""

    role: Name = Field(description="The role that could not be reached.")
    code: UnreachedCode = Field(description="Why.")
    escalation_id: Name | None = Field(
        default=None, description="The escalation it was called for."
    )


class FeedbackGiven(Reported):
    """Somebody answered the questions asked after an escalation."""

    escalation_id: Name | None = Field(default=None, description="The escalation asked about.")
    answers: Form = Field(description="The answers, by question.")


class ActDrafted(Reported):
    """A form was refused at once; it is kept to be offered again, and changes nothing."""

    act: Name = Field(description="The act's type, for example `escalation.requested`.")
    form: Form = Field(description="The act as it was sent, key by key.")
    code: Name = Field(description="Why it was refused, in the word of `act.refused`.")
    missing: tuple[Name, ...] = Field(default=(), description="The fields that are missing.")
    allowed: tuple[Name, ...] = Field(default=(), description="What would have been accepted.")
