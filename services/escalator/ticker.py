"""Lets time pass for cases: timers are inputs, fired once all input up to their time was taken in.

That is what keeps an outage from ending in a storm of false escalations: a timer whose case may be
resolved in what still waits unread, waits too. After `Ticker.max_hold` it fires nevertheless, and
says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Final

import structlog

from services.escalator import metrics
from services.escalator.core import engine
from services.escalator.core.decide import Decision
from services.escalator.desk import Desk, UndecidableError
from services.escalator.memory import Memory
from services.escalator.policies import Policies
from services.escalator.store import (
    ContendedError,
    PolicyChangedError,
    StartOverError,
    Turn,
    begin_turn,
    share_policies,
)
from services.escalator.store_timers import (
    Due,
    beat,
    lock_behind,
    lock_due,
    put_off,
    read_until,
)
from shared.contract.errors import TransientError
from shared.contract.times import EPOCH, instant
from shared.policy.document import PolicyTimeline
from shared.runtime.clock import monotonic
from shared.runtime.database import Connection, Database, retrying
from shared.runtime.failpoints import failpoint
from shared.runtime.run import stopped_within

log = structlog.get_logger()

_POLL_S: Final = 0.25
_BEAT_S: Final = 1.0
_BREAK_S: Final = 15.0
_MOST: Final = 100
_PUT_OFF_S: Final = 60.0
_CASES_AT_A_STRETCH: Final = 25


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far time may pass in one partition.

    Attributes:
        bound: Cases due up to it may fire.
        caught_up: What fires after it fires though input of before may wait unread.
    """

    bound: datetime
    caught_up: datetime


def watermarks(
    caught_up: Mapping[int, datetime | None], now: datetime, since: datetime, max_hold: timedelta
) -> dict[int, Watermark]:
    """Return how far time may pass in each partition.

    Args:
        caught_up: Until when all input of a partition was taken in; None: never yet.
        now: The time.
        since: Since when a ticker has been at work without a break.
        max_hold: How long a timer waits for input, virtual.
    """
    patience = now - max_hold if now - since > max_hold else EPOCH
    return {
        partition: Watermark(min(now, max(at or EPOCH, patience)), at or EPOCH)
        for partition, at in caught_up.items()
    }


@dataclass(slots=True)
class Ticker:
    """The engine, wired to the clock.

    Attributes:
        database: The escalator's own.
        policies: What is decided by.
        memory: Cases that need not be read again.
        topic: The full name of the topic of events.
        speed: Virtual seconds in a real one.
        max_hold: Real time after which a timer waits for unread input no longer. It counts only
            while a ticker is at work: after an outage of ours the input gets its time first.
        wake: Set whenever decisions wait to be published.
    """

    database: Database
    policies: Policies
    memory: Memory
    topic: str
    speed: float
    max_hold: timedelta
    wake: asyncio.Event
    _since: datetime | None = None
    _needed: frozenset[str] = frozenset()
    _beaten_at: float = field(default=float("-inf"))

    async def run(self, stop: asyncio.Event) -> None:
        """Look four times a second what is due, and at once again where something was."""
        while not stop.is_set():
            try:
                found = await retrying(self.tick, stop=stop, what="fire timers")
            except TransientError:
                if stop.is_set():
                    return
                raise
            if not found:
                await stopped_within(stop, _POLL_S)

    async def tick(self) -> int:
        """Fire what is due, as far as one transaction goes, and return for how many cases.

        Raises:
            DatabaseUnavailableError: Nothing was fired, or it is unknown; tick again.
        """
        since = await self._at_work_since()
        try:
            return await self._attempt(since)
        except StartOverError as error:
            metrics.STARTED_OVER.labels(error.why).inc()
            if isinstance(error, PolicyChangedError):
                await self.policies.refresh()
            return 1

    async def _attempt(self, since: datetime) -> int:
        async with self.database.transaction() as conn:
            await share_policies(conn)
            turn = await begin_turn(conn)
            policies = self.policies.timeline(turn.epoch)
            marks = watermarks(
                await read_until(conn, self.topic), turn.now, since, self.max_hold * self.speed
            )
            desk = Desk(conn, self.memory)
            # Before anything else is locked, and so in the one order.
            await desk.take(self._needed)
            due = await _lock(conn, marks, turn.epoch)
            if not due:
                return 0
            await desk.take(one.key for one in due)
            fired, failed, self._needed = await _fire(desk, due, marks, policies, turn)
            written = await desk.save(policies, turn)
            by = timedelta(seconds=_PUT_OFF_S * self.speed)
            await put_off(conn, failed, by=by, epoch=turn.epoch)
            failpoint("ticker.before_commit")
        self.memory.keep(written)
        self.wake.set()
        self._count(fired, marks, turn.now)
        metrics.TIMER_FAILURES.inc(len(failed))
        desk.count()
        return len(fired) + len(failed)

    async def _at_work_since(self) -> datetime:
        if self._since is None or monotonic() - self._beaten_at > _BEAT_S:
            async with self.database.transaction() as conn:
                self._since = await beat(conn, timedelta(seconds=_BREAK_S * self.speed))
            self._beaten_at = monotonic()
        return self._since

    def _count(self, fired: Sequence[Due], marks: Mapping[int, Watermark], now: datetime) -> None:
        for one in fired:
            if one.due_at is None or one.due_at > marks[one.partition].bound:
                continue
            late_input = one.due_at > marks[one.partition].caught_up
            metrics.TIMERS.labels("yes" if late_input else "no").inc()
            metrics.LATENESS.observe((now - one.due_at).total_seconds() / self.speed)


async def _lock(conn: Connection, marks: Mapping[int, Watermark], epoch: int) -> list[Due]:
    """Lock what is due, and open cases that do not know the newest policy yet."""
    bounds = {partition: mark.bound for partition, mark in marks.items()}
    due = await lock_due(conn, bounds, most=ceil(_MOST / max(1, len(bounds))))
    known = {one.key for one in due}
    behind = await lock_behind(conn, epoch, most=_MOST)
    return due + [one for one in behind if one.key not in known]


async def _fire(
    desk: Desk,
    due: Sequence[Due],
    marks: Mapping[int, Watermark],
    policies: PolicyTimeline,
    turn: Turn,
) -> tuple[list[Due], list[str], frozenset[str]]:
    """Let time pass for *due* cases; return those that it passed for, and those that failed.

    A case that needs another one which somebody has locked is neither: it stays due. What such
    cases need is returned too.
    """
    now = instant(turn.now)
    fired: list[Due] = []
    failed: list[str] = []
    needed: frozenset[str] = frozenset()
    for n, one in enumerate(due, start=1):
        if n % _CASES_AT_A_STRETCH == 0:
            await asyncio.sleep(0)
        mark = marks[one.partition]
        step = partial(engine.fire, desk, one.key, instant(mark.bound), policies, now)
        try:
            await desk.do(step, partition=one.partition, mark=_flagging(mark))
        except ContendedError as error:
            metrics.STARTED_OVER.labels(error.why).inc()
            needed |= error.keys
        except UndecidableError:
            log.exception("timers put off", ticket=one.key)
            failed.append(one.key)
        else:
            fired.append(one)
    return fired, failed, needed


def _flagging(mark: Watermark) -> Callable[[Decision], None]:
    caught_up = instant(mark.caught_up)

    def flag(decision: Decision) -> None:
        if decision.at > caught_up:
            because = decision.data["because"]
            because["facts"] = {**because["facts"], "late_input": True}

    return flag
