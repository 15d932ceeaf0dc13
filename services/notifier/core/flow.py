"""How much may go through a gate now: its rate, its circuit breaker, its share of senders.

A gate is what one far side's trouble closes: the mail relay, or one webhook. It delays what
waits behind it and never drops any of it. All instants are real ones.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

OPENS_AFTER: Final = 5
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=10)


class Breaker(StrEnum):
    """The state of a gate's circuit breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: *per_s* messages a second on average, *burst* at once."""

    per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate as kept between instances: its bucket and its recent failures.

    *pause* is the breaker's present pause, *open_until* when it next lets something through: a
    probe after failures, or everything after a time that the far side has asked for.
    """

    name: str
    tokens: float
    refilled_at: datetime
    failures: int = 0
    open_until: datetime | None = None
    pause: timedelta | None = None
    gone: bool = False

    def breaker(self, now: datetime) -> Breaker:
        """Return the state of the breaker at *now*."""
        if self.open_until is not None and now < self.open_until:
            return Breaker.OPEN
        return Breaker.CLOSED if self.failures < OPENS_AFTER else Breaker.HALF_OPEN


def new_gate(name: str, rate: Rate, *, now: datetime) -> Gate:
    """Return a gate that nothing has gone through yet."""
    return Gate(name=name, tokens=float(rate.burst), refilled_at=now)


def refilled(gate: Gate, rate: Rate, *, now: datetime) -> Gate:
    """Return *gate* with the tokens that time has added; a clock set back adds none."""
    passed = max((now - gate.refilled_at).total_seconds(), 0.0)
    tokens = min(float(rate.burst), gate.tokens + passed * rate.per_s)
    return replace(gate, tokens=tokens, refilled_at=max(now, gate.refilled_at))


def room(gate: Gate, *, in_flight: int, at_once: int, now: datetime) -> int:
    """Return how many messages may go now, *in_flight* already being on their way."""
    match gate.breaker(now):
        case Breaker.OPEN:
            return 0
        case Breaker.HALF_OPEN:
            return 0 if in_flight else min(1, int(gate.tokens))
        case Breaker.CLOSED:
            return max(0, min(int(gate.tokens), at_once - in_flight))


def taken(gate: Gate, count: int) -> Gate:
    """Return *gate* after *count* messages have left through it."""
    return replace(gate, tokens=gate.tokens - count)


def succeeded(gate: Gate) -> Gate:
    """Return *gate* after the far side answered sensibly."""
    return replace(gate, failures=0, open_until=None, pause=None)


def held(gate: Gate, wait: timedelta, *, now: datetime) -> Gate:
    """Return *gate* closed for the *wait* that the far side has asked for; that is no failure."""
    until = now + wait
    return gate if gate.open_until and gate.open_until > until else replace(gate, open_until=until)


def shut(gate: Gate) -> Gate:
    """Return *gate* closed for good: nothing behind it will answer again."""
    return replace(succeeded(gate), gone=True)


def failed(gate: Gate, *, now: datetime) -> Gate:
    """Return *gate* after one more failure of the far side itself.

    The fifth in a row shuts it for 30 s; every failed probe doubles that, up to 10 minutes.
    """
    failures = gate.failures + 1
    if failures < OPENS_AFTER:
        return replace(gate, failures=failures)
    pause = FIRST_PAUSE if gate.pause is None else min(gate.pause * 2, LONGEST_PAUSE)
    if gate.breaker(now) is Breaker.OPEN:
        # The rest of what was under way when it shut: no news, so no longer pause.
        return replace(gate, failures=failures)
    return replace(gate, failures=failures, pause=pause, open_until=now + pause)
