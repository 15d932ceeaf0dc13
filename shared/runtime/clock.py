"""The one clock, and the one source of chance.

A virtual instant is ``real unix seconds * speed + offset``; in production speed is 1 and the offset
0. Services that own a schema read the same clock from its SQL function ``clock()`` instead.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as this installation has it.

    Attributes:
        speed: Virtual seconds in a real one; more than 0.
        offset_s: Virtual seconds added after that.
    """

    speed: float = 1.0
    offset_s: float = 0.0

    @classmethod
    def starting(cls, at: datetime, *, speed: float) -> Clock:
        """Return the clock that shows *at* (aware) just now and runs at *speed*."""
        virtual = (at - _EPOCH).total_seconds()
        return cls(speed, virtual - time.time() * speed)

    def now(self) -> datetime:
        """Return the virtual time, aware, UTC."""
        if self.speed == 1.0 and self.offset_s == 0.0:
            return datetime.now(UTC)
        return _EPOCH + timedelta(seconds=time.time() * self.speed + self.offset_s)

    def real(self, virtual: timedelta) -> timedelta:
        """Return how long *virtual* takes in the world outside."""
        return virtual / self.speed

    async def sleep_until(self, at: datetime) -> None:
        """Return once the clock shows *at* (aware) or later."""
        left = self.real(at - self.now())
        while left > timedelta(0):
            await asyncio.sleep(left.total_seconds())
            left = self.real(at - self.now())


def real_now() -> datetime:
    """Return the world's own time, aware, UTC: for leases, retries, and ages of records."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds that never go back, for measuring how long something took."""
    return time.monotonic()


def new_id() -> UUID:
    """Return a fresh id, for what has no cause to derive one from."""
    return uuid4()


def jittered(ceiling_s: float, *, floor_s: float = 0.0) -> float:
    """Return a random number of seconds from *floor_s* to *ceiling_s*, so that waiters spread."""
    return random.uniform(floor_s, max(floor_s, ceiling_s))  # noqa: S311  spreading, not secrecy


def backoff_s(attempt: int, *, base_s: float = 0.1, cap_s: float = 5.0) -> float:
    """Return how long to wait before try *attempt* (counted from 1), with full jitter.

    Args:
        attempt: Which failure this is.
        base_s: The ceiling after the first failure, seconds; it doubles each time.
        cap_s: The highest ceiling, seconds.
    """
    return jittered(min(cap_s, base_s * 2.0 ** min(attempt - 1, 30)), floor_s=base_s / 4)
