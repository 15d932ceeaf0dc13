"""The life of each notice, as the notifier reports it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from pydantic import Field

from shared.contract.envelope import CloudEvent, Codec, Headers
from shared.contract.vocabulary import Fact, Mode, Moment

DELIVERY_SOURCE: Final = "tierline/notifier"
"""The CloudEvents source of every delivery event."""


class Suppression(StrEnum):
    """Why a notice is never sent.

    Nobody was there to be told, it would have been the same again, or what it says is over: the
    call was answered or overtaken, its escalation ended (as its `escalation.ended` says), or the
    case did (its status).
    """

    NOBODY_ON_SCHEDULE = "nobody_on_schedule"
    SAME_PERSON = "same_person"
    TOLD_ALREADY = "told_already"
    NOTHING_WAS_SENT = "nothing_was_sent"
    RESTRICTED = "restricted"

    ACKNOWLEDGED = "acknowledged"
    OVERTAKEN = "overtaken"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"
    DECLINED = "declined"
    DE_ESCALATED = "de_escalated"

    RESOLVED = "resolved"
    CLOSED = "closed"
    MERGED = "merged"
    CANCELLED = "cancelled"

    NO_CONTACT = "no_contact"
    TOO_OLD = "too_old"
    RECEIPTS_OFF = "receipts_off"


class Delivery(Fact):
    """The base of every step in a notice's life; a notice is one role told of one decision."""

    delivery_id: UUID = Field(description="The notice, the same through its whole life.")
    ticket: str = Field(description="The ticket's key.")
    decision_id: UUID = Field(description="The decision that asked for it.")
    decision_version: int = Field(ge=1, description="That decision's version.")
    escalation_id: str | None = Field(default=None, description="The escalation, if there is one.")
    role: str = Field(description="The role told.")
    person: str | None = Field(default=None, description="Who has the role now.")
    channel: str | None = Field(default=None, description="The way out.")
    address: str | None = Field(default=None, description="Where to, masked.")
    mode: Mode | None = Field(default=None, description="How insistently.")
    attempt: int = Field(ge=0, description="Attempts made so far.")
    reason: str | None = Field(default=None, description="Why the last attempt failed.")
    at: Moment = Field(description="When this step happened.")


class DeliveryPlanned(Delivery):
    """The notice is in the ledger; nothing was sent yet."""


class DeliverySent(Delivery):
    """The channel took it."""


class DeliveryConfirmed(Delivery):
    """The channel says that it arrived."""


class DeliveryFailed(Delivery):
    """It will not be tried again."""


class DeliverySuppressed(Delivery):
    """It was not sent, on purpose; `reason` says why."""

    reason: Suppression | None = Field(default=None, description="Why it is never sent.")


DeliveryData = (
    DeliveryPlanned | DeliverySent | DeliveryConfirmed | DeliveryFailed | DeliverySuppressed
)
"""The data of any delivery event."""

DeliveryEvent = CloudEvent[DeliveryData]
"""Any delivery event, for annotations. At run time look at `event.data`."""

DELIVERY_MODELS: Final[Mapping[str, type[DeliveryData]]] = MappingProxyType(
    {
        "delivery.planned": DeliveryPlanned,
        "delivery.sent": DeliverySent,
        "delivery.delivered": DeliveryConfirmed,
        "delivery.failed": DeliveryFailed,
        "delivery.suppressed": DeliverySuppressed,
    }
)
"""The model of each delivery type's data."""

_CODEC: Final[Codec[DeliveryData]] = Codec(DELIVERY_MODELS)


def decode_delivery(value: bytes | None, headers: Headers = ()) -> DeliveryEvent:
    """Return the delivery event in a record of `notifications.deliveries`.

    Raises:
        InvalidEventError: It is none; the message names path, problem and remedy.
    """
    return _CODEC.decode(value, headers)
