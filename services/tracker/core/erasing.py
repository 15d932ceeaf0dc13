"""A message without what is erased of it."""

from __future__ import annotations

from pydantic_core import from_json, to_json

from services.tracker.core.message import Message, read
from shared.contract.erasure import Erasures


def forget(message: Message, erasures: Erasures) -> Message:
    """Return *message* without what *erasures* take from it; which message it is stays the same."""
    if not erasures:
        return message
    plain = from_json(message.text)
    kept = erasures.applied(plain, ticket=message.ticket, received_at=message.received_at)
    if kept == plain:
        return message
    return read(message.kind, to_json(kept), (), place=(message.partition, message.offset))
