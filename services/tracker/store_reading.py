"""The read model in PostgreSQL, its reading half: one snapshot per answer, nothing written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text

from services.tracker.core.projection import TicketRow, restore
from services.tracker.freshness import Freshness, Position
from services.tracker.store_queries import Query
from shared.runtime.database import Connection, Database

_SNAPSHOT: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
_POSITIONS: Final = text(
    "SELECT topic, partition, next_offset, caught_up_at, clock() AS now FROM progress"
    " WHERE topic = ANY(CAST(:topics AS text[]))"
)
_NOW: Final = text("SELECT clock()")
_TICKET: Final = text("SELECT key, revision, CAST(state AS text) FROM ticket WHERE key = :key")
_NOTICES: Final = text(
    "SELECT ticket, state, count(*) FROM notice WHERE ticket = ANY(CAST(:keys AS text[]))"
    " GROUP BY ticket, state"
)
_TIMELINE: Final = text(
    """
    SELECT kind, at, "offset", partition, received_at, type, repeats,
        CAST(message AS text) AS message
    FROM timeline
    WHERE ticket = :key AND (at, kind, "offset")
        > (CAST(CAST(:at AS text) AS timestamptz), CAST(:kind AS smallint), CAST(:offset AS bigint))
    ORDER BY at, kind, "offset" LIMIT :limit
    """
)
_STANDINGS: Final = text(
    "SELECT tier, priority, status, open, count(*) AS n FROM ticket"
    " GROUP BY tier, priority, status, open"
)
_GAPS: Final = text("SELECT count(*), coalesce(sum(missing), 0) FROM ticket WHERE missing > 0")
_SUMS: Final = text("SELECT what, label, sum(n) FROM tally GROUP BY what, label")
_DEAD: Final = text("SELECT count(*) FROM dead_letter")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline, as stored; `message` is the whole CloudEvent in JSON."""

    kind: int
    at: datetime
    offset: int
    partition: int
    received_at: datetime
    type: str
    repeats: int
    message: str


@dataclass(frozen=True, slots=True)
class Standings:
    """How many tickets stand alike."""

    tier: int | None
    priority: str | None
    status: str
    open: bool
    n: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Everything that is counted.

    Attributes:
        standings: Tickets that stand alike.
        counted: By what and label (`core.counts`), how many.
        gaps: Tickets of which a version is missing.
        missing: Versions that are missing.
        dead: Records that were parked.
    """

    standings: tuple[Standings, ...]
    counted: Mapping[str, Mapping[str, int]]
    gaps: int
    missing: int
    dead: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent view of the read model, as fresh as `freshness` says."""

    conn: Connection
    freshness: Freshness

    async def ticket(self, key: str) -> TicketRow | None:
        """Return the row of *key*, if it is known."""
        found = (await self.conn.execute(_TICKET, {"key": key})).one_or_none()
        return None if found is None else restore(found[0], found[1], found[2])

    async def tickets(self, query: Query, place: Sequence[Any], limit: int) -> list[Found]:
        """Return up to *limit* rows of *query* after *place*, which is empty for the first page."""
        statement, given = query.statement(place)
        found = await self.conn.execute(text(statement), {**given, "limit": limit})
        return [Found(restore(row[0], row[1], row[2]), list(row[3:])) for row in found]

    async def notices(self, keys: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return how many notices of each of *keys* are in which state."""
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for key, state, n in await self.conn.execute(_NOTICES, {"keys": list(keys)}):
            counts[key][state] = n
        return counts

    async def timeline(self, key: str, place: Sequence[Any], limit: int) -> list[Entry]:
        """Return up to *limit* entries of *key* after *place*: time, kind, offset."""
        at, kind, offset = place or ("-infinity", 0, 0)
        given = {"key": key, "at": at, "kind": kind, "offset": offset, "limit": limit}
        return [Entry(*row) for row in await self.conn.execute(_TIMELINE, given)]

    async def sums(self) -> Sums:
        """Add everything up."""
        standings = tuple(Standings(*row) for row in await self.conn.execute(_STANDINGS))
        gaps, missing = (await self.conn.execute(_GAPS)).one()
        counted: dict[str, dict[str, int]] = defaultdict(dict)
        for what, label, n in await self.conn.execute(_SUMS):
            counted[what][label] = int(n)
        dead = (await self.conn.execute(_DEAD)).scalar_one()
        return Sums(standings, counted, gaps, int(missing), dead)


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a list, and its place in the list's order."""

    row: TicketRow
    place: list[Any]


@dataclass(frozen=True, slots=True)
class ReadModel:
    """Where questions are answered from.

    Attributes:
        database: Connections of their own, whose statements end after two seconds.
        topics: The registry's names by full name.
        speed: Virtual seconds in a real one.
    """

    database: Database
    topics: Mapping[str, str]
    speed: float

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """Give one consistent, read-only view.

        Raises:
            DatabaseUnavailableError: PostgreSQL is away, or the answer took too long.
        """
        async with self.database.transaction() as conn:
            await conn.execute(_SNAPSHOT)
            yield Snapshot(conn, await self._freshness(conn))

    async def positions(self) -> dict[Position, int]:
        """Return the next offset to be applied of every partition."""
        async with self.database.transaction() as conn:
            return {
                (self.topics[row.topic], row.partition): row.next_offset
                for row in await conn.execute(_POSITIONS, {"topics": list(self.topics)})
            }

    async def _freshness(self, conn: Connection) -> Freshness:
        rows = (await conn.execute(_POSITIONS, {"topics": list(self.topics)})).all()
        if not rows:
            return Freshness({}, None, (await conn.execute(_NOW)).scalar_one())
        now: datetime = rows[0].now
        marks = [row.caught_up_at for row in rows]
        behind = None
        if None not in marks:
            behind = max(0.0, (now - min(marks)).total_seconds() / self.speed)
        positions = {(self.topics[row.topic], row.partition): row.next_offset for row in rows}
        return Freshness(positions, behind, now)
