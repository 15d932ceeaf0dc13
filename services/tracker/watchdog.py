"""The second opinion at work: reads what became known, and says what should have happened.

It reads the timeline on its own, message by message; the tables of the projection are not asked. What
it is waiting for it keeps in memory, and after a restart reads again for the tickets that are open.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from pydantic_core import from_json

from services.tracker import metrics
from services.tracker.core import watchdog as core
from services.tracker.core.message import KIND_OF_TOPIC
from services.tracker.core.message import Kind as Topic
from services.tracker.core.watchdog import Alarm, Kind, Watched, alarms, hear
from services.tracker.freshness import Freshness
from services.tracker.replies import AlarmNow, Alarms
from services.tracker.store_reading import ReadModel, Said, Snapshot
from shared.contract.errors import TransientError
from shared.runtime.clock import real_now
from shared.runtime.run import stopped_within

log = structlog.get_logger()

SHOWN: Final = 100
_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EVERY_S: Final = 1.0
_AT_ONCE: Final = 2000
_TICKETS_AT_ONCE: Final = 200


@dataclass(slots=True)
class Watchdog:
    """One watcher over all open cases.

    Attributes:
        model: Where to read.
        grace_s: Real seconds in which everybody may still be at it.
    """

    model: ReadModel
    grace_s: float
    _watched: dict[str, Watched] = field(default_factory=dict)
    _places: dict[tuple[Topic, int], int] | None = None
    _barked: set[Alarm] = field(default_factory=set)
    _seen: Alarms | None = None

    @property
    def seen(self) -> Alarms | None:
        """What was seen last; None before the first look."""
        return self._seen

    async def run(self, stop: asyncio.Event) -> None:
        """Look every second until *stop* is set."""
        while not stop.is_set():
            try:
                await self.look()
            except TransientError as error:
                log.debug("the watchdog does not see", why=error.reason)
            await stopped_within(stop, _EVERY_S)

    async def look(self) -> Alarms:
        """Read what is new, and return what should have happened.

        Raises:
            DatabaseUnavailableError: It does not see just now.
        """
        async with self.model.snapshot() as now:
            if self._places is None:
                await self._begin(now)
            else:
                await self._read_on(now)
            freshness = now.freshness
        found = self._found(freshness)
        self._bark(found)
        self._seen = _told(found, freshness, len(self._watched))
        return self._seen

    async def _begin(self, now: Snapshot) -> None:
        """Hear all that was said of the tickets that are open."""
        self._watched = {}
        after: str | None = ""
        while after is not None:
            keys = await now.open_keys(after, _TICKETS_AT_ONCE)
            for said in await now.said_of(keys):
                self._hear(said)
            after = keys[-1] if keys else None
            await asyncio.sleep(0)
        self._places = _places(now.freshness)

    async def _read_on(self, now: Snapshot) -> None:
        there = _places(now.freshness)
        places = self._places or {}
        while True:
            fresh = await now.said_between(places, there, _AT_ONCE)
            for said in fresh:
                self._hear(said)
                places[Topic(said.entry.kind), said.entry.partition] = said.entry.offset + 1
            if len(fresh) < _AT_ONCE:
                break
        self._places = there

    def _hear(self, said: Said) -> None:
        message = from_json(said.entry.message)
        hear(
            self._watched.setdefault(said.ticket, Watched(said.ticket)),
            core.Said(
                Topic(said.entry.kind).name.lower(),
                said.entry.type,
                message["id"],
                said.entry.at,
                said.entry.known_at,
                message["data"],
            ),
        )

    def _found(self, freshness: Freshness) -> list[Alarm]:
        """Return every alarm; of tickets only where everything is known that there is."""
        found: list[Alarm] = []
        if freshness.behind_s is not None and freshness.behind_s > self.grace_s:
            behind = timedelta(seconds=freshness.behind_s * self.model.speed)
            return [Alarm(Kind.STUCK, "", "the topics", freshness.now - behind)]
        grace_s = self.grace_s * self.model.speed
        for key, watched in list(self._watched.items()):
            found += alarms(watched, freshness.now, grace_s)
            if watched.is_idle and watched.closed:
                del self._watched[key]
        return sorted(found, key=lambda one: (one.since, one.ticket, one.what))

    def _bark(self, found: list[Alarm]) -> None:
        counts = Counter(one.kind for one in found)
        for kind in Kind:
            metrics.ALARMS.labels(str(kind)).set(counts[kind])
        metrics.WATCHED.set(len(self._watched))
        metrics.LOOKED_AT.set(real_now().timestamp())
        # How far a topic is behind grows by itself; it is said once.
        now = {one._replace(since=_ONCE) if one.kind is Kind.STUCK else one for one in found}
        for one in sorted(now - self._barked, key=lambda alarm: alarm.since)[:SHOWN]:
            log.warning(
                "something has not happened",
                kind=str(one.kind),
                ticket=one.ticket,
                what=one.what,
                since=one.since.isoformat(),
            )
        self._barked = now


def _told(found: list[Alarm], freshness: Freshness, watched: int) -> Alarms:
    counts = Counter(one.kind for one in found)
    return Alarms(
        now=freshness.now,
        watched=watched,
        by_kind={str(kind): counts[kind] for kind in Kind},
        alarms=[
            AlarmNow(kind=str(one.kind), ticket=one.ticket or None, what=one.what, since=one.since)
            for one in found[:SHOWN]
        ],
    )


def _places(freshness: Freshness) -> dict[tuple[Topic, int], int]:
    return {
        (KIND_OF_TOPIC[topic], partition): offset
        for (topic, partition), offset in freshness.positions.items()
    }
