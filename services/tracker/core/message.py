"""One message of the three topics as the projection takes it, and how a record becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from hashlib import md5
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic_core import from_json

from shared.contract.decisions import DECISION_MODELS, DECISION_SOURCE, Decision, decode_decision
from shared.contract.deliveries import DELIVERY_MODELS, Delivery, decode_delivery
from shared.contract.envelope import CloudEvent, Codec, encode
from shared.contract.errors import Flaw, InvalidEventError, Reason
from shared.contract.events import EVENT_MODELS, decode_event
from shared.contract.topics import DELIVERIES, TICKET_EVENTS, TIER_CHANGES
from shared.contract.vocabulary import Fact

Order = tuple[int, int, int]
"""Place in a ticket's history: effective second, 0 helpdesk or 1 person, offset in the log."""

Headers = Sequence[tuple[str, bytes]]


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

KNOWN_TYPES: Final = EVENT_MODELS.keys() | DECISION_MODELS.keys() | DELIVERY_MODELS.keys()
"""Every type of the contract; others are kept, with what their topic's messages have in common."""


class Message(NamedTuple):
    """One message.

    Attributes:
        identity: 16 bytes that are the same however often it is said: they follow from `source`
            and `id`, for a decision from its ticket and version.
        kind: Which topic it came by.
        type: Its CloudEvents type.
        id: Its CloudEvents id.
        ticket: The key of the ticket, or of the group.
        at: When it counts, aware. An event of a helpdesk whose clock is ahead counts from its
            receipt; how the escalator treats one that comes very late, only its decisions say.
        received_at: When it reached Tierline, or was decided or sent; aware.
        partition: Which partition of its topic holds it.
        offset: Its place there.
        data: Its data.
        text: The whole message as structured JSON.
    """

    identity: bytes
    kind: Kind
    type: str
    id: str
    ticket: str
    at: datetime
    received_at: datetime
    partition: int
    offset: int
    data: BaseModel
    text: str

    @property
    def order(self) -> Order:
        """Its place in the ticket's history, by the same rule as the escalator's."""
        # A `ticket.*` event that names nobody is the helpdesk's own and goes first.
        helpdesk = self.type.startswith("ticket.") and getattr(self.data, "by", None) is None
        return (int(self.at.timestamp()), 0 if helpdesk else 1, self.offset)


def read(kind: Kind, value: bytes | None, headers: Headers, *, place: tuple[int, int]) -> Message:
    """Return the message in a record; of a type that is not known, what its topic has in common.

    Args:
        kind: What its topic carries.
        value: Its value.
        headers: Its headers.
        place: Its partition and offset.

    Raises:
        InvalidEventError: It is no message of that topic.
    """
    structured = _is_structured(headers)
    # Which event a whole one is, its headers only repeat.
    given = () if structured else headers
    try:
        event = _DECODE[kind](value, given)
    except InvalidEventError as error:
        if error.reason is not Reason.UNKNOWN_TYPE:
            raise
        event = _codec_for(kind, _type_named(value or b"", given)).decode(value, given)
    at, received_at = _times(event)
    # `decode` has refused an empty record.
    text = (value or b"").decode() if structured else encode(event).decode()
    return Message(
        _identity(event),
        kind,
        event.type,
        event.id,
        event.ticket,
        at,
        received_at,
        *place,
        event.data,
        text,
    )


_DECODE: Final[Mapping[Kind, Callable[[bytes | None, Iterable[Any]], CloudEvent[Any]]]] = {
    Kind.EVENT: decode_event,
    Kind.DECISION: decode_decision,
    Kind.DELIVERY: decode_delivery,
}
_IN_COMMON: Final[Mapping[Kind, type[BaseModel]]] = {
    Kind.EVENT: Fact,
    Kind.DECISION: Decision,
    Kind.DELIVERY: Delivery,
}


def _identity(event: CloudEvent[Any]) -> bytes:
    # Two decisions of one version are one decision, and if they differ, a conflict.
    data = event.data
    name = (
        f"{DECISION_SOURCE}\0{event.ticket}\0{data.version}"
        if isinstance(data, Decision)
        else f"{event.source}\0{event.id}"
    )
    return md5(name.encode(), usedforsecurity=False).digest()


def _times(event: CloudEvent[Any]) -> tuple[datetime, datetime]:
    """Return when *event* counts, and when it reached us or was made."""
    data = event.data
    if isinstance(data, Decision):
        return event.time, event.time + timedelta(seconds=data.late_by_s)
    received = event.receivedat or event.time
    if isinstance(data, Delivery):
        return event.time, received
    return min(event.time, received), received


def _is_structured(headers: Headers) -> bool:
    """Whether the whole event is in the value (`content-type`), not its data alone (`ce_*`)."""
    binary = False
    for name, text in headers:
        lower = name.lower()
        if lower == "content-type" and text.lower().startswith(b"application/cloudevents"):
            return True
        binary = binary or lower.startswith("ce_")
    return not binary


def _type_named(value: bytes, headers: Headers) -> str:
    for name, text in headers:
        if name.lower() == "ce_type":
            return text.decode(errors="replace")
    return str(from_json(value)["type"])


@lru_cache(maxsize=64)
def _codec_for(kind: Kind, type_name: str) -> Codec[BaseModel]:
    """Return what reads messages of a type that is not known."""
    if not type_name or len(type_name) > _LONGEST_TYPE or type_name in KNOWN_TYPES:
        flaw = Flaw("type", "none that belongs here", "Send it to the topic of its type.")
        raise InvalidEventError((flaw,), reason=Reason.UNKNOWN_TYPE)
    return Codec({type_name: _IN_COMMON[kind]})


_LONGEST_TYPE: Final = 128
