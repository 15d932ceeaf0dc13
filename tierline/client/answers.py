"""What Tierline answers, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Receipt:
    """An event is in the log: every in-sync replica of Kafka has it.

    Attributes:
        id: With its source it identifies the event; a repeat has no effect.
        ticket: The ticket's key.
        partition: Where in the log it is.
        offset: And at which place there.
        received_at: When it reached Tierline, RFC 3339.
    """

    id: str
    ticket: str
    partition: int
    offset: int
    received_at: str

    @property
    def position(self) -> str:
        """Its place as the tracker's `after` takes it."""
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class ActReceipt(Receipt):
    """An act is in the log.

    Attributes:
        checked: Whether it was known beforehand that neither a right nor a form forbids it.
    """

    checked: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an act was refused.

    Attributes:
        code: A word for programs.
        missing: The fields that it lacks.
        allowed: What would have been accepted.
    """

    code: str
    missing: tuple[str, ...]
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an act.

    Attributes:
        state: `accepted`, `refused`, or `recorded`: in the log, and no more is known.
        refusal: Why it was refused.
        followed: The types of the decisions that it has led to.
        document: All that the tracker says of it.
    """

    state: str
    refusal: Refusal | None
    followed: tuple[str, ...]
    document: Mapping[str, Any]


def receipt(told: Mapping[str, Any]) -> Receipt:
    """Return the receipt that *told* is.

    Raises:
        KeyError: It is none.
    """
    return Receipt(
        told["id"], told["ticket"], told["partition"], told["offset"], told["received_at"]
    )


def act_receipt(told: Mapping[str, Any]) -> ActReceipt:
    """Return the receipt of an act that *told* is.

    Raises:
        KeyError: It is none.
    """
    return ActReceipt(
        told["act_id"],
        told["ticket"],
        told["partition"],
        told["offset"],
        told["received_at"],
        told["checked"],
    )


def fate(told: Mapping[str, Any]) -> Fate:
    """Return the fate that *told* is.

    Raises:
        KeyError: It is none.
    """
    said = told["refusal"]
    refusal = None
    if said is not None:
        refusal = Refusal(said["code"], tuple(said["missing"]), tuple(said["allowed"]))
    return Fate(told["state"], refusal, tuple(one["type"] for one in told["followed"]), told)
