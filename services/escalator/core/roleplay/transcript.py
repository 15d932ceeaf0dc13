"""What was done, what happened by itself and what the engine decided, in one list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shared.contract.times import Instant


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a transcript.

    Attributes:
        at: When.
        kind: An `act` of a trainee, something that `happened` by itself, or a `decision`.
        name: The verb of an act, the type of an event or decision, or `room`.
        seat: Who acted, or who spoke; None for a decision.
        ticket: The ticket's key; None for a word in a room.
        data: What is to be known of it.
        text: What was written.
        refused: The code with which the engine refused it.
    """

    at: Instant
    kind: Literal["act", "happened", "decision"]
    name: str
    seat: str | None
    ticket: str | None
    data: Mapping[str, Any]
    text: str = ""
    refused: str | None = None
