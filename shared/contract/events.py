"""Every event that may come in: its type, its model, and how to read it.

The models live in `facts` (what helpdesks report) and `acts` (what people do); import them here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from shared.contract.acts import (
    ActDrafted,
    Approval,
    CaseFlagged,
    CaseSnoozed,
    CaseUnflagged,
    EscalationAcknowledged,
    EscalationAct,
    EscalationAssigned,
    EscalationDeclined,
    EscalationDeescalated,
    EscalationHandedOver,
    EscalationRequested,
    EscalationReturned,
    EscalationUnreached,
    FeedbackGiven,
    InfoSupplied,
)
from shared.contract.envelope import OWN_SOURCE, CloudEvent, Codec, Headers
from shared.contract.errors import Flaw, InvalidEventError
from shared.contract.facts import (
    Customer,
    Lowering,
    Reported,
    StatusChanged,
    TicketFacts,
    TicketMerged,
    TicketMessage,
    TicketObserved,
    TicketOpened,
    TicketUnmerged,
    TicketUpdated,
)
from shared.contract.vocabulary import (
    Author,
    Implied,
    Mode,
    NoteKind,
    Priority,
    Severity,
    Status,
    Track,
    UnreachedCode,
)

__all__ = [
    "EVENT_MODELS",
    "EVENT_TYPES",
    "SUBJECT_MAX",
    "ActDrafted",
    "Approval",
    "Author",
    "CaseFlagged",
    "CaseSnoozed",
    "CaseUnflagged",
    "Customer",
    "EscalationAcknowledged",
    "EscalationAct",
    "EscalationAssigned",
    "EscalationDeclined",
    "EscalationDeescalated",
    "EscalationHandedOver",
    "EscalationRequested",
    "EscalationReturned",
    "EscalationUnreached",
    "FeedbackGiven",
    "Implied",
    "InfoSupplied",
    "Lowering",
    "Mode",
    "NoteKind",
    "Priority",
    "Reported",
    "Severity",
    "Status",
    "StatusChanged",
    "TicketEvent",
    "TicketEventData",
    "TicketFacts",
    "TicketMerged",
    "TicketMessage",
    "TicketObserved",
    "TicketOpened",
    "TicketUnmerged",
    "TicketUpdated",
    "Track",
    "UnreachedCode",
    "decode_event",
    "outside_flaw",
    "validate_event",
]

TicketEventData = (
    TicketOpened
    | TicketUpdated
    | TicketMessage
    | StatusChanged
    | TicketMerged
    | TicketUnmerged
    | TicketObserved
    | EscalationRequested
    | EscalationAcknowledged
    | EscalationReturned
    | EscalationDeclined
    | EscalationHandedOver
    | EscalationDeescalated
    | InfoSupplied
    | EscalationAssigned
    | CaseSnoozed
    | CaseFlagged
    | CaseUnflagged
    | EscalationUnreached
    | FeedbackGiven
    | ActDrafted
)
"""The data of any event in; match on it, and mypy names what a `match` forgot."""

TicketEvent = CloudEvent[TicketEventData]
"""Any event in, for annotations. At run time look at `event.data`."""

EVENT_MODELS: Final[Mapping[str, type[TicketEventData]]] = MappingProxyType(
    {
        "ticket.opened": TicketOpened,
        "ticket.updated": TicketUpdated,
        "ticket.message": TicketMessage,
        "ticket.status_changed": StatusChanged,
        "ticket.merged": TicketMerged,
        "ticket.unmerged": TicketUnmerged,
        "ticket.observed": TicketObserved,
        "escalation.requested": EscalationRequested,
        "escalation.acknowledged": EscalationAcknowledged,
        "escalation.returned": EscalationReturned,
        "escalation.declined": EscalationDeclined,
        "escalation.handed_over": EscalationHandedOver,
        "escalation.deescalated": EscalationDeescalated,
        "escalation.info_supplied": InfoSupplied,
        "escalation.assigned": EscalationAssigned,
        "case.snoozed": CaseSnoozed,
        "case.flagged": CaseFlagged,
        "case.unflagged": CaseUnflagged,
        "escalation.unreached": EscalationUnreached,
        "feedback.given": FeedbackGiven,
        "act.drafted": ActDrafted,
    }
)
"""The model of each type's data."""

EVENT_TYPES: Final[Mapping[type[TicketEventData], str]] = MappingProxyType(
    {model: name for name, model in EVENT_MODELS.items()}
)
"""The type of each model: `EVENT_TYPES[type(event.data)]`."""

SUBJECT_MAX: Final = 256
"""Characters that a ticket's id at its helpdesk may have."""

_CODEC: Final[Codec[TicketEventData]] = Codec(EVENT_MODELS)


def decode_event(value: bytes | None, headers: Headers = ()) -> TicketEvent:
    """Return the event in a record of `tickets.events`, or in an HTTP body.

    Raises:
        InvalidEventError: It is none; the message names path, problem and remedy.
    """
    return _from_outside(_CODEC.decode(value, headers))


def validate_event(text: bytes) -> TicketEvent:
    """Return what `decode_event` does, of JSON that is known to hold nothing but what can be stored.

    Raises:
        InvalidEventError: It is no event; the message names path, problem and remedy.
    """
    return _from_outside(_CODEC.validate(text))


def outside_flaw(source: str, subject: str) -> Flaw | None:
    """Return what an event that comes in may not say of itself though the models allow it."""
    if source.startswith(OWN_SOURCE):
        problem = f"{OWN_SOURCE}… is Tierline's own"
        return Flaw("source", problem, "Send your helpdesk's short name.")
    if len(subject) > SUBJECT_MAX:
        problem = f"longer than {SUBJECT_MAX} characters"
        return Flaw("subject", problem, "Send the ticket's id alone.")
    return None


def _from_outside(event: TicketEvent) -> TicketEvent:
    flaw = outside_flaw(event.source, event.subject)
    if flaw is not None:
        raise InvalidEventError((flaw,))
    return event
