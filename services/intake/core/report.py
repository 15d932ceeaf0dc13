"""A report into the event that is published: completed, stamped, and held to the contract."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic_core import PydanticSerializationError, to_json

from services.intake.core.attributes import ENCODED, well_formed
from services.intake.core.limits import check
from shared.contract.envelope import headers_of
from shared.contract.errors import Flaw, InvalidEventError, PermanentError, Reason
from shared.contract.events import decode_event
from shared.contract.ids import derived_event_id, ticket_key

_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_ID_REMEDY: Final = "Send 1 to 128 of the characters A-Z a-z 0-9 . _ : -"
_CANONICAL: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False)


class IdFrom(StrEnum):
    """Where an event's id comes from."""

    EVENT = "event"
    IDEMPOTENCY_KEY = "idempotency-key"
    DERIVED = "derived"


class ForeignSourceError(PermanentError):
    """An API key is bound to one source, and the event names another."""

    reason = Reason.INVALID_FIELD

    def __init__(self, named: str, bound: str) -> None:
        super().__init__(f"the event's source is {named!r}, but the API key speaks for {bound!r}")
        self.named = named
        self.bound = bound


class Accepted(NamedTuple):
    """An event that may be published.

    Attributes:
        id: With the source it identifies the event; a repeat has no effect.
        id_from: Where the id comes from.
        ticket: The ticket key; it is Kafka's key too.
        value: The whole event, structured JSON.
        headers: Kafka headers.
    """

    id: str
    id_from: IdFrom
    ticket: str
    value: bytes
    headers: list[tuple[str, bytes]]


def accept(
    report: object,
    *,
    received_at: str,
    bound_source: str | None = None,
    idempotency_key: str | None = None,
    text: bytes | None = None,
) -> Accepted:
    """Return *report* as the event to publish.

    What the sender may leave out is completed: ``source`` from the API key, ``id`` from the
    idempotency key or else derived from the content, ``time`` from the receipt, ``data`` empty.
    ``receivedat`` and ``partitionkey`` are ours whatever was sent. Everything else stays as it is,
    unknown keys too.

    Args:
        report: One CloudEvent as parsed JSON.
        received_at: When it reached us, RFC 3339.
        bound_source: The only source that the sender may speak for; None for any.
        idempotency_key: The sender's name for this request.
        text: The JSON that *report* was parsed from, where it is at hand.

    Raises:
        InvalidEventError: It is no event of the contract, or breaks a limit.
        ForeignSourceError: It speaks for a source that is not the sender's.
    """
    if not isinstance(report, dict):
        flaw = Flaw("", "not an object", 'Send one CloudEvent: {"specversion": "1.0", …}.')
        raise InvalidEventError((flaw,), reason=Reason.NOT_A_CLOUDEVENT)
    sent = well_formed(report)
    if ENCODED in report:
        text = None  # it hides how deep its data are
    event = dict(sent)
    _settle_source(event, bound_source)
    id_from = _settle_id(event, sent, idempotency_key)
    if "time" not in event:
        event["time"] = received_at
    event["receivedat"] = received_at
    source, subject = event.get("source"), event.get("subject")
    if isinstance(source, str) and isinstance(subject, str):
        event["partitionkey"] = ticket_key(source, subject)
    value = _packed(event)
    check(sent, len(text or value), text=text or value)
    found = decode_event(value)
    return Accepted(found.id, id_from, found.ticket, value, headers_of(event))


def named(header: bytes) -> str:
    """Return the id in the *header* ``Idempotency-Key``, which may stand in quotes or not."""
    text = header.decode("latin-1").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text


def _settle_source(event: dict[str, Any], bound: str | None) -> None:
    if bound is None:
        return
    named = event.get("source")
    if named is None:
        event["source"] = bound
    elif named != bound:
        raise ForeignSourceError(str(named)[:100], bound)


def _settle_id(
    event: dict[str, Any], sent: Mapping[str, Any], idempotency_key: str | None
) -> IdFrom:
    given = event.get("id")
    if given is not None:
        if isinstance(given, str) and not _ID.fullmatch(given):
            raise InvalidEventError((Flaw("id", "no id that we take", f"{_ID_REMEDY}."),))
        return IdFrom.EVENT
    if idempotency_key is not None:
        if not _ID.fullmatch(idempotency_key):
            raise InvalidEventError(
                (Flaw("Idempotency-Key", "no id that we take", f"{_ID_REMEDY}."),)
            )
        event["id"] = idempotency_key
        return IdFrom.IDEMPOTENCY_KEY
    try:
        canonical = _CANONICAL.encode(sent).encode()
    except RecursionError:
        raise _too_deep() from None
    event["id"] = derived_event_id(str(event.get("source")), canonical)
    return IdFrom.DERIVED


def _packed(event: Mapping[str, Any]) -> bytes:
    try:
        return to_json(event)
    except PydanticSerializationError:
        # Either it is nested too deep for anybody, which the bounds say with the path, or …
        check(event, 0)
        flaw = Flaw("", "half of a surrogate pair", "Send whole characters: \\ud83d\\ude00.")
        raise InvalidEventError((flaw,), reason=Reason.NOT_JSON) from None


def _too_deep() -> InvalidEventError:
    flaw = Flaw("", "nested too deep", "Send a flatter event.")
    return InvalidEventError((flaw,), reason=Reason.TOO_LARGE)
