"""What an event says, whichever way and however often it was delivered."""

from __future__ import annotations

from typing import Final

from shared.contract.events import TicketEvent

_STAMPS: Final = {"receivedat", "traceparent"}


def content_of(event: TicketEvent) -> str:
    """Return *event* as JSON without what intake stamps on every delivery of it.

    The same event, delivered again, has the same content.
    """
    return event.model_dump_json(exclude_unset=True, by_alias=True, exclude=_STAMPS)
