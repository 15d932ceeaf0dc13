"""Deliveries: each notice is one row that holds the furthest step of its life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.tracker.core.message import Message
from shared.contract.deliveries import Delivery, DeliverySuppressed, Suppression

STATES: Final = ("planned", "sent", "delivered", "failed", "suppressed")
"""The states of a notice, in the order of its life; `delivery.<state>` says that it is there."""

RANKS: Final[Mapping[str, int]] = {state: rank for rank, state in enumerate(STATES)}
"""The place of each state in a notice's life."""

_PREFIX: Final = "delivery."


@dataclass(frozen=True, slots=True)
class Notice:
    """One role told of one decision.

    Attributes:
        id: The delivery's id.
        ticket: The ticket's key.
        state: How far it has come.
        step: Attempts made, and the rank of the state; the furthest step wins.
        at: When that step happened.
        said: The identity of the message that said so.
        suppressed: Why it is never sent, of the step that says so; it is counted, not kept.
    """

    id: UUID
    ticket: str
    state: str
    step: tuple[int, int]
    at: datetime
    said: bytes
    suppressed: Suppression | None = None


def noticed(message: Message) -> Notice | None:
    """Return the notice as *message* has it; None where the message is about none."""
    data, state = message.data, message.type.removeprefix(_PREFIX)
    if not isinstance(data, Delivery) or state not in RANKS:
        return None
    step = (data.attempt, RANKS[state])
    why = data.reason if isinstance(data, DeliverySuppressed) else None
    return Notice(data.delivery_id, message.ticket, state, step, data.at, message.identity, why)


def further(known: Notice | None, heard: Notice) -> Notice:
    """Return whichever is further in its life; of the same step, what was known."""
    return heard if known is None or heard.step > known.step else known
