"""A report into the event that is published: completed, stamped, and held to the contract."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic_core import PydanticSerializationError, to_json

from services.intake.core.attributes import well_formed
from services.intake.core.limits import check
from shared.contract.conformance import conforms
from shared.contract.envelope import headers_of
from shared.contract.errors import Flaw, InvalidEventError, PermanentError, Reason
from shared.contract.events import validate_event
from shared.contract.flaws import refuse_unstorable
from shared.contract.ids import derived_event_id, ticket_key

_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_ID_REMEDY: Final = "Send 1 to 128 of the characters A-Z a-z 0-9 . _ : -"
_OURS: Final = frozenset({"receivedat", "partitionkey"})
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
        text: *report* as JSON without blanks, where it is at hand.

    Raises:
        InvalidEventError: It is no event of the contract, or breaks a limit.
        ForeignSourceError: It speaks for a source that is not the sender's.
    """
    if not isinstance(report, dict):
        flaw = Flaw("", "not an object", 'Send one CloudEvent: {"specversion": "1.0", …}.')
        raise InvalidEventError((flaw,), reason=Reason.NOT_A_CLOUDEVENT)
    sent = well_formed(report)
    added: dict[str, str] = {}
    source = _settle_source(added, sent, bound_source)
    id_from = _settle_id(added, sent, source, idempotency_key)
    if "time" not in sent:
        added["time"] = received_at
    if not sent.keys().isdisjoint(_OURS):
        sent = {name: value for name, value in sent.items() if name not in _OURS}
    if text is None or sent is not report:
        text = _packed(sent)
    check(sent, len(text), text=text)
    if added:
        sent = {**sent, **added}
        text = _with(text, added)
    if b"\\" in text and b"\\u0000" in text:
        refuse_unstorable(text)
    if not conforms(sent):
        # Says why, or that it does.
        validate_event(text)
    # Its source is not our own, so that this is what the event's `ticket` works out as well.
    ticket = ticket_key(sent["source"], sent["subject"])
    # Ours are put behind what was sent as they are; to merge and to pack all of it would cost more.
    at = received_at.encode()
    value = b'%b,"receivedat":"%b","partitionkey":%b}' % (text[:-1], at, to_json(ticket))
    headers = headers_of(sent)
    headers += (("ce_receivedat", at), ("ce_partitionkey", ticket.encode()))
    return Accepted(sent["id"], id_from, ticket, value, headers)


def named(header: bytes) -> str:
    """Return the id in the *header* ``Idempotency-Key``, which may stand in quotes or not."""
    text = header.decode("latin-1").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text


def _settle_source(added: dict[str, str], sent: Mapping[str, Any], bound: str | None) -> object:
    named = sent.get("source")
    if bound is None or named == bound:
        return named
    if named is not None:
        raise ForeignSourceError(str(named)[:100], bound)
    added["source"] = bound
    return bound


def _settle_id(
    added: dict[str, str], sent: Mapping[str, Any], source: object, idempotency_key: str | None
) -> IdFrom:
    given = sent.get("id")
    if given is not None:
        if isinstance(given, str) and not _ID.fullmatch(given):
            raise InvalidEventError((Flaw("id", "no id that we take", f"{_ID_REMEDY}."),))
        return IdFrom.EVENT
    if idempotency_key is not None:
        if not _ID.fullmatch(idempotency_key):
            raise InvalidEventError(
                (Flaw("Idempotency-Key", "no id that we take", f"{_ID_REMEDY}."),)
            )
        added["id"] = idempotency_key
        return IdFrom.IDEMPOTENCY_KEY
    try:
        canonical = _CANONICAL.encode(sent).encode()
    except RecursionError:
        raise _too_deep() from None
    added["id"] = derived_event_id(str(source), canonical)
    return IdFrom.DERIVED


def _with(text: bytes, attributes: Mapping[str, str]) -> bytes:
    """Return the JSON *text* of an event with *attributes* that it does not have."""
    # To pack all of it again would cost more.
    return b"%b,%b" % (text[:-1], to_json(attributes)[1:])


def _packed(event: Mapping[str, Any]) -> bytes:
    try:
        text = to_json(event)
    except PydanticSerializationError:
        # Either it is nested too deep for anybody, which the bounds say with the path, or …
        check(event, 0)
        flaw = Flaw("", "half of a surrogate pair", "Send whole characters: \\ud83d\\ude00.")
        raise InvalidEventError((flaw,), reason=Reason.NOT_JSON) from None
    if b"NaN" in text or b"Infinity" in text:
        refuse_unstorable(text)
    return text


def _too_deep() -> InvalidEventError:
    flaw = Flaw("", "nested too deep", "Send a flatter event.")
    return InvalidEventError((flaw,), reason=Reason.TOO_LARGE)
