"""One message of the three topics as the projection takes it, and how a record becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from hashlib import md5
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic_core import from_json

from shared.contract.decisions import Decision, decode_decision
from shared.contract.deliveries import Delivery, decode_delivery
from shared.contract.envelope import CloudEvent, Codec, encode
from shared.contract.errors import Flaw, InvalidEventError, Reason
from shared.contract.events import Reported, decode_event
from shared.contract.topics import DELIVERIES, TICKET_EVENTS, TIER_CHANGES
from shared.contract.vocabulary import Fact

Order = tuple[int, int, int]
"""Place in a ticket's history: effective second, 0 helpdesk or 1 person, offset in the log."""

RawHeaders = Iterable[tuple[str, bytes]]


class Kind(IntEnum):
    """Which topic a message came by; of one instant, the timeline shows them in this order."""

    EVENT = 0
    DECISION = 1
    DELIVERY = 2


KIND_OF_TOPIC: Final[Mapping[str, Kind]] = {
    TICKET_EVENTS: Kind.EVENT,
    TIER_CHANGES: Kind.DECISION,
    DELIVERIES: Kind.DELIVERY,
}
"""The topics that are projected, before the prefix of an installation."""

TOPIC_OF_KIND: Final[Mapping[Kind, str]] = {kind: name for name, kind in KIND_OF_TOPIC.items()}


class Unknown(Fact):
    """The data of a type that this version does not know."""


class Message(NamedTuple):
    """One message.

    Attributes:
        identity: 16 bytes that are the same for the same (`source`, `id`), wherever it was said.
        kind: Which topic it came by.
        type: Its CloudEvents type.
        id: Its CloudEvents id.
        ticket: The key of the ticket, or of the group.
        at: When it counts, aware. An event of a helpdesk whose clock is ahead counts from its
            receipt; how the escalator treats one that comes very late, only its decisions say.
        received_at: When it reached Tierline, or was decided or sent; aware.
        offset: Its place in the log of its partition.
        data: Its data; `Unknown` where the type is.
        text: The whole message as structured JSON.
    """

    identity: bytes
    kind: Kind
    type: str
    id: str
    ticket: str
    at: datetime
    received_at: datetime
    offset: int
    data: BaseModel
    text: str

    @property
    def order(self) -> Order:
        """Its place in the ticket's history, by the same rule as the escalator's."""
        data = self.data
        # A `ticket.*` event that names nobody is the helpdesk's own and goes first.
        helpdesk = self.type.startswith("ticket.") and getattr(data, "by", None) is None
        return (int(self.at.timestamp()), 0 if helpdesk else 1, self.offset)


def read(kind: Kind, value: bytes | None, headers: RawHeaders, *, offset: int) -> Message:
    """Return the message in a record; a type that is not known is kept, with nothing made of it.

    Raises:
        InvalidEventError: It is no message of that topic.
    """
    given = list(headers)
    try:
        event = _DECODE[kind](value, given)
    except InvalidEventError as error:
        if error.reason is not Reason.UNKNOWN_TYPE:
            raise
        event = _codec_for(_type_named(value or b"", given)).decode(value, given)
    # `decode` has refused an empty record.
    text = (value or b"").decode() if _is_structured(given) else encode(event).decode()
    at, received_at = _times(event)
    identity = md5(f"{event.source}\0{event.id}".encode(), usedforsecurity=False).digest()
    return Message(
        identity,
        kind,
        event.type,
        event.id,
        event.ticket,
        at,
        received_at,
        offset,
        event.data,
        text,
    )


_DECODE: Final[Mapping[Kind, Callable[[bytes | None, RawHeaders], CloudEvent[Any]]]] = {
    Kind.EVENT: decode_event,
    Kind.DECISION: decode_decision,
    Kind.DELIVERY: decode_delivery,
}


def _times(event: CloudEvent[Any]) -> tuple[datetime, datetime]:
    """Return when *event* counts, and when it reached us or was made."""
    data = event.data
    if isinstance(data, Decision):
        return event.time, event.time + timedelta(seconds=data.late_by_s)
    received = event.receivedat or event.time
    if isinstance(data, Delivery):
        return event.time, received
    return min(event.time, received), received


def _is_structured(headers: list[tuple[str, bytes]]) -> bool:
    """Whether the whole event is in the value (`content-type`), not its data alone (`ce_*`)."""
    named = {name.lower(): text for name, text in headers}
    if named.get("content-type", b"").lower().startswith(b"application/cloudevents"):
        return True
    return not any(name.startswith("ce_") for name in named)


def _type_named(value: bytes, headers: list[tuple[str, bytes]]) -> str:
    if _is_structured(headers):
        return str(from_json(value)["type"])
    named = {name.lower(): text for name, text in headers}
    return named["ce_type"].decode(errors="replace")


@lru_cache(maxsize=64)
def _codec_for(type_name: str) -> Codec[BaseModel]:
    """Return what reads the envelope round data of an unknown type."""
    if not type_name or len(type_name) > _LONGEST_TYPE:
        flaw = Flaw("type", "empty or too long", "Send one of the contract's types.")
        raise InvalidEventError((flaw,), reason=Reason.UNKNOWN_TYPE)
    return Codec({type_name: Unknown})


_LONGEST_TYPE: Final = 128

__all__ = [
    "KIND_OF_TOPIC",
    "TOPIC_OF_KIND",
    "Kind",
    "Message",
    "Order",
    "Reported",
    "Unknown",
    "read",
]
