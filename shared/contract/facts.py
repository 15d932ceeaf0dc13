"""What helpdesks report about their tickets: the `ticket.*` events."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shared.contract.vocabulary import (
    Author,
    Count,
    Fact,
    Implied,
    Key,
    LocalOrInstant,
    Name,
    NoteKind,
    Severity,
    Share,
    Status,
    Text,
)


class Reported(Fact):
    """The base of every event: who did it, and in which role."""

    by: Name | None = Field(default=None, description="The person who acted.")
    role: Name | None = Field(default=None, description="The role they acted in.")


class Customer(Fact):
    """Whose ticket it is. In an update only the keys given change."""

    id: Name | None = Field(default=None, description="The customer as the helpdesk knows them.")
    name: Text | None = Field(default=None, description="The customer's name.")
    plan: Name | None = Field(
        default=None, description="The contract's plan, a word of the policy."
    )
    vip: bool | None = Field(default=None, description="Whether the customer gets VIP attention.")
    region: Name | None = Field(
        default=None, description="The contract's region; names the business calendar."
    )


class TicketFacts(Reported):
    """What a ticket says about itself."""

    title: Text | None = Field(default=None, description="The ticket in one line.")
    severity: Severity | None = Field(
        default=None, description="S1 to S4; null is treated as S3 until somebody says."
    )
    affected_users: Count | None = Field(default=None, description="People affected, 0 or more.")
    affected_orgs: Count | None = Field(
        default=None, description="Organisations affected, 0 or more."
    )
    affected_share: Share | None = Field(
        default=None, description="Part of the service's users affected, 0 to 1."
    )
    org_wide: bool | None = Field(
        default=None, description="Whether a whole organisation is affected."
    )
    customer: Customer | None = Field(default=None, description="Whose ticket it is.")
    requester: Name | None = Field(default=None, description="Who asked; null: no contact.")
    service: Name | None = Field(default=None, description="The service concerned.")
    component: Name | None = Field(default=None, description="The part of the service.")
    symptom: Name | None = Field(default=None, description="The symptom code.")
    category: Name | None = Field(default=None, description="The helpdesk's category.")
    tags: tuple[Name, ...] | None = Field(default=None, description="Free labels.")
    flags: tuple[Name, ...] | None = Field(
        default=None, description="Overrides of the policy that hold, for example `data_loss`."
    )
    owner: Name | None = Field(default=None, description="Who works on it.")
    url: Text | None = Field(default=None, description="The ticket's page at the helpdesk.")


class TicketOpened(TicketFacts):
    """A customer's request became a ticket."""


class TicketUpdated(TicketFacts):
    """Some facts changed; only keys that were sent count (`model_fields_set`)."""

    reason: Text | None = Field(
        default=None, description="Why; needed to lower severity or impact."
    )
    evidence: Any = Field(default=None, description="How it is known; needed to lower impact.")


class TicketMessage(Reported):
    """Somebody wrote on the ticket."""

    author: Author = Field(description="Who wrote it.")
    author_id: Name | None = Field(default=None, description="The writer's id at the helpdesk.")
    public: bool = Field(default=False, description="Whether the customer sees it.")
    asks_customer: bool = Field(
        default=False, description="Whether it asks the customer for something."
    )
    auto_submitted: bool = Field(default=False, description="Whether a machine wrote it.")
    note_kind: NoteKind | None = Field(default=None, description="What it is for.")
    wants_manager: bool = Field(default=False, description="The customer asks for a manager.")
    text: Text | None = Field(default=None, description="What was written.")


class StatusChanged(Reported):
    """The ticket moved to another status."""

    status: Status = Field(description="The status it has now.")
    reason: Text | None = Field(default=None, description="Why.")
    resume_at: LocalOrInstant | None = Field(
        default=None,
        description="End of a scheduled hold: an instant, or `2026-06-01T09:00:00[Europe/Vienna]`.",
    )
    customer_agreement_ref: Text | None = Field(
        default=None, description="Where the customer agreed to the hold."
    )
    cause_class: Name | None = Field(default=None, description="With `resolved`: kind of cause.")
    avoidable: bool | None = Field(
        default=None, description="With `resolved`: could it be avoided?"
    )
    knowledge_url: Text | None = Field(
        default=None, description="With `resolved`: where it is written up."
    )


class TicketMerged(Reported):
    """The ticket was folded into another one."""

    into: Key = Field(description="The key of the ticket that goes on, `source:ticket`.")


class TicketUnmerged(Reported):
    """A merge was undone."""


class Lowering(Fact):
    """By which right a helpdesk lowers severity or counts; the policy asks for one."""

    role: Name | None = Field(default=None, description="The role that allowed it.")
    reason: Text | None = Field(default=None, description="Why.")
    evidence: Any = Field(default=None, description="How it is known; needed to lower impact.")


class TicketObserved(TicketFacts):
    """The whole ticket as a helpdesk that sends no differences sees it now."""

    status: Status | None = Field(default=None, description="The status it has now.")
    implies: Implied | None = Field(
        default=None,
        description="What an agent has publicly written if the status is another one than before: "
        "a `question` to the customer, a `reply`, or a `reply` only where none came first.",
    )
    lowering: Lowering | None = Field(
        default=None,
        description="By which right severity or counts are lower than before, where they are.",
    )
