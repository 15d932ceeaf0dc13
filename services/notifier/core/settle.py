"""What an attempt's outcome makes of its delivery.

A recipient's ways are tried one after the other, at once: a message whose channel fails goes out by
the next. When every way has failed, that is a round; after it comes a pause, and the preferred way
is first again. A way that refuses for good is not tried again.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from services.notifier.core.flow import FIRST_PAUSE, Gate, failed, held, shut, succeeded
from services.notifier.core.plan import without_mail
from services.notifier.core.report import Step
from services.notifier.core.retry import (
    Accepted,
    Failed,
    Outcome,
    Refused,
    chance_of,
    give_up_age,
    wait_before_next,
)

UNREACHED_AFTER: Final = 2
"""Rounds after which the engine hears that a role was not reached: one may be a mere hiccup."""

UNCLEAR: Final = "unclear"
"""Why a delivery is dead of which nobody knows whether it arrived, where repeats are not wanted."""


class State(StrEnum):
    """The states of a delivery that an attempt can lead to."""

    SENT = "sent"
    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Attempted:
    """A delivery as it stood when it was attempted.

    Attributes:
        id: The delivery's id.
        attempt: The number of this attempt over all ways, from 1.
        ways: The channels that have not refused it, the preferred one first.
        way: Which of them was tried now.
        rounds: How often all of them had failed before.
        priority: The case's, which sets how long trying goes on.
        since: The real start of the first attempt.
        hold: Whether its channel's messages of unknown fate are not sent again.
        besides: Whether mail goes besides when another way fails.
    """

    id: UUID
    attempt: int
    ways: tuple[str, ...]
    way: int
    rounds: int
    priority: str | None
    since: datetime
    hold: bool = False
    besides: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of a delivery.

    Attributes:
        state: Its new state.
        ways: The ways that are left, *way* the one that is next.
        rounds: How often all ways have failed by now.
        steps: What others are told.
        next_at: When it goes again, real; None when it does not.
        why: The last thing that went wrong.
        provider_ref: What the far side called it.
        unreached: Whether the engine must go on without its role now.
        copied: Whether mail goes besides, and is a way of this one no more.
    """

    state: State
    ways: tuple[str, ...]
    way: int
    rounds: int
    steps: tuple[Step, ...] = ()
    next_at: datetime | None = None
    why: str | None = None
    provider_ref: str | None = None
    unreached: bool = False
    copied: bool = False


def settle(delivery: Attempted, outcome: Outcome, *, now: datetime) -> Settled:
    """Return what *outcome* makes of *delivery* at the real instant *now*."""
    match outcome:
        case Accepted(provider_ref, confirmed):
            return Settled(
                State.DELIVERED if confirmed else State.SENT,
                delivery.ways,
                delivery.way,
                delivery.rounds,
                steps=(Step.SENT, Step.DELIVERED) if confirmed else (Step.SENT,),
                provider_ref=provider_ref,
            )
        case Failed(unclear=True) if delivery.hold:
            return _dead(delivery, delivery.ways, UNCLEAR)
        case Failed(why, wait):
            copied = _without_mail(delivery)
            after = _next(delivery, copied or delivery.ways, delivery.way + 1, why, wait, now)
            return replace(after, copied=copied is not None)
        case Refused(why):
            left = (*delivery.ways[: delivery.way], *delivery.ways[delivery.way + 1 :])
            if not left:
                return _dead(delivery, delivery.ways, why)
            copied = _without_mail(delivery)
            if copied is not None:
                left = tuple(one for one in left if one in copied)
            after = _next(delivery, left, delivery.way, why, None, now)
            return replace(after, copied=copied is not None)


def _without_mail(delivery: Attempted) -> tuple[str, ...] | None:
    if not delivery.besides or delivery.rounds:
        return None
    return without_mail(delivery.ways, delivery.way, delivery.way + 1)


def _next(
    delivery: Attempted,
    ways: tuple[str, ...],
    way: int,
    why: str,
    wait: timedelta | None,
    now: datetime,
) -> Settled:
    if way < len(ways):
        return Settled(State.RETRY, ways, way, delivery.rounds, next_at=now, why=why)
    rounds = delivery.rounds + 1
    if wait is None:
        wait = wait_before_next(rounds, chance=chance_of(delivery.id, delivery.attempt))
    if now - delivery.since + wait > give_up_age(delivery.priority):
        return _dead(delivery, ways, why)
    return Settled(
        State.RETRY,
        ways,
        0,
        rounds,
        next_at=now + wait,
        why=why,
        unreached=rounds == UNREACHED_AFTER,
    )


def _dead(delivery: Attempted, ways: tuple[str, ...], why: str) -> Settled:
    way = min(delivery.way, len(ways) - 1)
    return Settled(
        State.DEAD, ways, way, delivery.rounds, steps=(Step.FAILED,), why=why, unreached=True
    )


def gate_after(gate: Gate, outcome: Outcome, *, now: datetime) -> Gate:
    """Return *gate* after *outcome*: only its own trouble counts against it.

    A refusal is a sensible answer: the far side is there. One that says "gone" shuts it. Whoever
    asks for time gets it, for everything that waits there and not only for this message.
    """
    match outcome:
        case Failed(why="http_429", wait=wait):
            return held(gate, wait or FIRST_PAUSE, now=now)
        case Failed(gate=True, wait=wait):
            after = failed(gate, now=now)
            return after if wait is None else held(after, wait, now=now)
        case Failed():
            return gate
        case Refused(gone=True):
            return shut(gate)
        case _:
            return succeeded(gate)
