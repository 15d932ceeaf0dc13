"""Deliveries: each notice is one row that holds the furthest step of its life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from services.tracker.core.message import Message
from shared.contract.deliveries import Delivery

_STATES: Final[Mapping[str, tuple[int, str]]] = {
    "delivery.planned": (0, "planned"),
    "delivery.sent": (1, "sent"),
    "delivery.delivered": (2, "delivered"),
    "delivery.failed": (3, "failed"),
    "delivery.suppressed": (4, "suppressed"),
}

STATES: Final = tuple(state for _, state in _STATES.values())
"""The states of a notice, as `/v1/stats` counts them."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One role told of one decision.

    Attributes:
        id: The delivery's id.
        ticket: The ticket's key.
        state: How far it has come.
        step: Attempts made, and the rank of the state; the furthest step wins.
        data: What the notifier last said of it.
    """

    id: UUID
    ticket: str
    state: str
    step: tuple[int, int]
    data: dict[str, Any]


def noticed(message: Message) -> Notice | None:
    """Return the notice as *message* has it; None where the message is about none."""
    data, ranked = message.data, _STATES.get(message.type)
    if not isinstance(data, Delivery) or ranked is None:
        return None
    rank, state = ranked
    plain = data.model_dump(mode="json")
    return Notice(data.delivery_id, message.ticket, state, (data.attempt, rank), plain)


def further(known: Notice | None, heard: Notice) -> Notice:
    """Return whichever is further in its life; of the same step, what was known."""
    return heard if known is None or heard.step > known.step else known
