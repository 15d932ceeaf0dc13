"""What an attempt's outcome makes of its delivery."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.notifier.core.flow import Gate, failed, succeeded
from services.notifier.core.report import Step
from services.notifier.core.retry import (
    Accepted,
    Again,
    AnotherWay,
    Failed,
    Outcome,
    Refused,
    after,
    chance_of,
)


class State(StrEnum):
    """The states of a delivery that an attempt can lead to."""

    SENT = "sent"
    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Attempted:
    """A delivery as it stood when it was attempted; *since* is the real start of the first."""

    id: UUID
    attempt: int
    way: int
    way_attempt: int
    ways: int
    priority: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of it: its *state*, the *way* it goes next, *next_at* if it goes again.

    *steps* are what others are told; *why* is the last thing that went wrong.
    """

    state: State
    way: int
    steps: tuple[Step, ...] = ()
    next_at: datetime | None = None
    why: str | None = None
    provider_ref: str | None = None


def settle(delivery: Attempted, outcome: Outcome, *, now: datetime) -> Settled:
    """Return what *outcome* makes of *delivery* at the real instant *now*."""
    if isinstance(outcome, Accepted):
        confirmed = outcome.confirmed
        return Settled(
            state=State.DELIVERED if confirmed else State.SENT,
            way=delivery.way,
            steps=(Step.SENT, Step.DELIVERED) if confirmed else (Step.SENT,),
            provider_ref=outcome.provider_ref,
        )
    follows = after(
        outcome,
        attempt=delivery.attempt,
        way_attempt=delivery.way_attempt,
        more_ways=delivery.way + 1 < delivery.ways,
        age=now - delivery.since,
        priority=delivery.priority,
        chance=chance_of(delivery.id, delivery.attempt),
    )
    match follows:
        case Again(wait):
            return Settled(State.RETRY, delivery.way, next_at=now + wait, why=outcome.why)
        case AnotherWay():
            return Settled(State.RETRY, delivery.way + 1, next_at=now, why=outcome.why)
        case _:
            return Settled(State.DEAD, delivery.way, steps=(Step.FAILED,), why=outcome.why)


def gate_after(gate: Gate, outcome: Outcome, *, now: datetime) -> Gate:
    """Return *gate* after *outcome*: only its own trouble counts against it.

    A refusal is a sensible answer: the far side is there. One that says "gone" shuts it.
    """
    match outcome:
        case Failed(gate=True):
            return failed(gate, now=now)
        case Failed():
            return gate
        case Refused(gone=True):
            return shut(gate)
        case _:
            return succeeded(gate)


def shut(gate: Gate) -> Gate:
    """Return *gate* closed for good: nothing behind it will answer again."""
    closed = succeeded(gate)
    return Gate(name=closed.name, tokens=closed.tokens, refilled_at=closed.refilled_at, gone=True)
