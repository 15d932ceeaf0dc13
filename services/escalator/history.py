"""What a case has heard, as it is stored: the event without the stamps of its delivery."""

from __future__ import annotations

from typing import Final

from pydantic_core import from_json, to_json

from services.escalator.core.inputs import Heard
from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import Instant

_STAMPS: Final = {"receivedat", "traceparent"}


def content_of(event: TicketEvent) -> str:
    """Return *event* as JSON without what intake stamps on every delivery of it.

    The same event, delivered again, has the same content.
    """
    return event.model_dump_json(exclude_unset=True, by_alias=True, exclude=_STAMPS)


def dump_heard(heard: Heard, content: str) -> str:
    """Return *heard* as JSON; *content* is that of its event."""
    return (
        f'{{"effective":{heard.effective},"received":{heard.received},"seq":{heard.seq},'
        f'"event":{content}}}'
    )


def restore_heard(text: str) -> Heard:
    """Return what `dump_heard` wrote."""
    plain = from_json(text)
    return Heard(
        decode_event(to_json(plain["event"])),
        Instant(plain["effective"]),
        Instant(plain["received"]),
        plain["seq"],
    )
