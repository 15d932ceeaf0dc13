"""The read model in PostgreSQL, its reading half: one snapshot per answer, nothing written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)

from services.tracker.core.counts import Standing, What, standing_of
from services.tracker.core.drafts import REFUSED
from services.tracker.core.message import Kind
from services.tracker.core.places import Places
from services.tracker.core.projection import TicketRow, restore
from services.tracker.freshness import Freshness, Position
from services.tracker.store_queries import Query
from services.tracker.tables import (
    dead_letter,
    notice,
    progress,
    tally,
    ticket,
    timeline,
)
from shared.runtime.database import Connection, Database

_SNAPSHOT: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
# Takes no snapshot yet: if a rebuild exchanges the tables just now, all is read from the new ones.
_HOLD: Final = text("LOCK TABLE progress IN ACCESS SHARE MODE")
ENTRY: Final = (
    timeline.c.kind,
    timeline.c.at,
    timeline.c.offset,
    timeline.c.partition,
    timeline.c.received_at,
    timeline.c.type,
    timeline.c.repeats,
    timeline.c.known_at,
    cast(timeline.c.message, Text),
)
"""What an `Entry` is made of."""
_PLACE: Final = (timeline.c.at, timeline.c.kind, timeline.c.offset)

Place = tuple[datetime, int, int]
"""A place in a timeline: time, kind, offset."""


class Entry(NamedTuple):
    """One line of a timeline, as stored; `message` is the whole CloudEvent in JSON."""

    kind: int
    at: datetime
    offset: int
    partition: int
    received_at: datetime
    type: str
    repeats: int
    known_at: datetime
    message: str


class Said(NamedTuple):
    """One line of some ticket's timeline."""

    ticket: str
    entry: Entry


class Found(NamedTuple):
    """A row of a list, and its place in the list's order."""

    row: TicketRow
    place: list[str]


class Told(NamedTuple):
    """A notice as far as it has come; `message` is the CloudEvent that said so, in JSON."""

    state: str
    at: datetime
    message: str


class Lane(NamedTuple):
    """How many tickets of a tier are open, and how many of those have a promise overdue."""

    open: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Everything that is counted.

    Attributes:
        standings: How many tickets stand alike.
        counted: By what and label (`core.counts`), how many.
        gaps: Tickets of which a version is missing.
        missing: Versions that are missing.
        dead: Records that were parked.
    """

    standings: Mapping[Standing, int]
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
        asked = select(ticket.c.key, cast(ticket.c.state, Text)).where(ticket.c.key == key)
        found = (await self.conn.execute(asked)).one_or_none()
        return None if found is None else restore(found[0], found[1])

    async def tickets(self, query: Query, place: Sequence[str], limit: int) -> list[Found]:
        """Return up to *limit* rows of *query* after *place*, which is empty for the first page."""
        rows = await self.conn.execute(query.statement(place, limit, await self.all_tickets()))
        return [Found(restore(key, state), [at, own]) for key, state, at, own in rows]

    async def all_tickets(self) -> FromClause:
        """Return the tickets as this view has them, with the columns of `ticket`."""
        return ticket

    async def lanes(self, source: str | None) -> dict[int, Lane]:
        """Return, by tier, how many open tickets there are (of *source*), and overdue ones."""
        of = await self.all_tickets()
        overdue = await self._open_by_tier(source, of.c.next_due < self.freshness.now)
        opened = await self._opened(source)
        return {tier: Lane(n, overdue.get(tier, 0)) for tier, n in opened.items()}

    async def _opened(self, source: str | None) -> dict[int, int]:
        """Return how many tickets (of *source*) are open, by tier: a sum that is kept."""
        opened: Counter[int] = Counter()
        sums = await self._added(tally.c.what == What.STANDINGS)
        for standing, n in _standings(sums).items():
            if standing.open and source in (None, standing.source):
                opened[standing.tier] += n
        return opened

    async def _open_by_tier(
        self, source: str | None, *which: ColumnElement[bool]
    ) -> dict[int, int]:
        """Count the open tickets (of *source*) for which *which* holds, by tier."""
        of = await self.all_tickets()
        asked = select(of.c.tier, func.count()).where(of.c.open, *which).group_by(of.c.tier)
        if source is not None:
            asked = asked.where(of.c.key.startswith(f"{source}:", autoescape=True))
        return {tier: n for tier, n in await self.conn.execute(asked)}  # noqa: C416  rows are no pairs

    async def _added(self, *which: ColumnElement[bool]) -> dict[str, dict[str, int]]:
        """Return the sums for which *which* holds, by what they count and label."""
        asked = select(tally.c.what, tally.c.label, func.sum(tally.c.n)).where(*which)
        counted: dict[str, dict[str, int]] = defaultdict(dict)
        for what, label, n in await self.conn.execute(asked.group_by(tally.c.what, tally.c.label)):
            counted[what][label] = int(n)
        return counted

    async def members(self, groups: Sequence[str]) -> dict[str, int]:
        """Return how many tickets are part of each of *groups*."""
        asked = (
            select(ticket.c.part_of, func.count())
            .where(ticket.c.part_of.in_(groups))
            .group_by(ticket.c.part_of)
        )
        return {row[0]: row[1] for row in await self.conn.execute(asked)}

    async def notice_counts(self, keys: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return how many notices of each of *keys* are in which state."""
        asked = (
            select(notice.c.ticket, notice.c.state, func.count())
            .where(notice.c.ticket.in_(keys))
            .group_by(notice.c.ticket, notice.c.state)
            .order_by(notice.c.ticket, notice.c.state)
        )
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for key, state, n in await self.conn.execute(asked):
            counts[key][state] = n
        return counts

    async def notices(self, key: str, limit: int) -> list[Told]:
        """Return the *limit* notices of *key* that moved last, the latest first."""
        asked = (
            select(notice.c.state, notice.c.at, cast(timeline.c.message, Text))
            .join_from(notice, timeline, timeline.c.identity == notice.c.said)
            .where(notice.c.ticket == key)
            .order_by(notice.c.at.desc(), notice.c.id)
            .limit(limit)
        )
        return [Told(*row) for row in await self.conn.execute(asked)]

    async def timeline(
        self, key: str, place: Place | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        """Return up to *limit* entries of *key* after *place*."""
        asked = self._entries().where(timeline.c.ticket == key).limit(limit)
        if place is not None:
            here, there = tuple_(*_PLACE), tuple_(*map(literal, place))
            asked = asked.where(here < there if newest_first else here > there)
        asked = asked.order_by(*(one.desc() if newest_first else one for one in _PLACE))
        return [Entry(*row) for row in await self.conn.execute(asked)]

    async def open_keys(self, after: str, limit: int) -> list[str]:
        """Return the keys of up to *limit* open tickets after *after*, in order."""
        asked = select(ticket.c.key).where(ticket.c.open, ticket.c.key > after)
        return [
            row[0] for row in await self.conn.execute(asked.order_by(ticket.c.key).limit(limit))
        ]

    async def said_of(self, keys: Sequence[str]) -> list[Said]:
        """Return all that was said of the tickets *keys*, as it became known."""
        order = (timeline.c.known_at, timeline.c.kind, timeline.c.partition, timeline.c.offset)
        asked = (
            select(timeline.c.ticket, *ENTRY).where(timeline.c.ticket.in_(keys)).order_by(*order)
        )
        return [Said(key, Entry(*entry)) for key, *entry in await self.conn.execute(asked)]

    async def said_between(self, since: Places, until: Places, limit: int) -> list[Said]:
        """Return up to *limit* messages from *since* up to *until*, as they became known."""
        parts = [
            and_(
                timeline.c.kind == kind,
                timeline.c.partition == partition,
                timeline.c.offset >= since.get((kind, partition), 0),
                timeline.c.offset < end,
            )
            for (kind, partition), end in until.items()
            if since.get((kind, partition), 0) < end
        ]
        if not parts:
            return []
        order = (timeline.c.known_at, timeline.c.kind, timeline.c.partition, timeline.c.offset)
        asked = select(timeline.c.ticket, *ENTRY).where(or_(*parts)).order_by(*order).limit(limit)
        return [Said(key, Entry(*entry)) for key, *entry in await self.conn.execute(asked)]

    def _entries(self) -> Select[Any]:
        return select(*ENTRY)

    async def event(self, event_id: str) -> tuple[str, Entry] | None:
        """Return the event *event_id* and its ticket; of several sources', the latest received."""
        asked = (
            select(timeline.c.ticket, *ENTRY)
            .where(timeline.c.id == event_id, timeline.c.kind == Kind.EVENT)
            .order_by(timeline.c.received_at.desc(), timeline.c.identity)
            .limit(1)
        )
        found = (await self.conn.execute(asked)).one_or_none()
        return None if found is None else (found[0], Entry(*found[1:]))

    async def caused_by(self, key: str, event_id: str) -> list[Entry]:
        """Return the decisions on *key* that the event *event_id* has led to.

        One that refuses an act names it, even where something else had it looked at.
        """
        refuses = and_(
            timeline.c.type == REFUSED,
            timeline.c.message["data"]["act_id"].astext == event_id,
        )
        asked = (
            select(*ENTRY)
            .where(timeline.c.ticket == key, timeline.c.kind == Kind.DECISION)
            .where(or_(timeline.c.message["causationid"].astext == event_id, refuses))
            .order_by(*_PLACE)
        )
        return [Entry(*row) for row in await self.conn.execute(asked)]

    async def decided_after(self, key: str, offset: int) -> bool:
        """Return whether an event of *key* that lies after *offset* has led to a decision on it.

        Events of a ticket share a partition and are decided on in its order.
        """
        later = timeline.alias()
        asked = (
            select(literal(1))
            .join_from(timeline, later, timeline.c.message["causationid"].astext == later.c.id)
            .where(timeline.c.ticket == key, timeline.c.kind == Kind.DECISION)
            .where(later.c.ticket == key, later.c.kind == Kind.EVENT, later.c.offset > offset)
        )
        return (await self.conn.execute(asked.limit(1))).one_or_none() is not None

    async def sums(self) -> Sums:
        """Add everything up."""
        gaps = select(func.count(), func.coalesce(func.sum(ticket.c.missing), 0)).where(
            ticket.c.missing > 0
        )
        with_gaps, missing = (await self.conn.execute(gaps)).one()
        counted = await self._added()
        dead = await self.conn.execute(select(func.count()).select_from(dead_letter))
        return Sums(
            standings=_standings(counted),
            counted=counted,
            gaps=with_gaps,
            missing=int(missing),
            dead=dead.scalar_one(),
        )


def _standings(sums: Mapping[str, Mapping[str, int]]) -> dict[Standing, int]:
    return {standing_of(label): n for label, n in sums.get(What.STANDINGS, {}).items() if n}


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
            await conn.execute(_HOLD)
            yield Snapshot(conn, await self._freshness(conn))

    async def positions(self) -> dict[Position, int]:
        """Return the next offset to be applied of every partition."""
        async with self.database.transaction() as conn:
            return (await self._freshness(conn)).positions

    async def _freshness(self, conn: Connection) -> Freshness:
        now: datetime = (await conn.execute(select(func.clock()))).scalar_one()
        asked = select(progress).where(progress.c.topic.in_(self.topics))
        rows = (await conn.execute(asked)).all()
        marks: list[Any] = [row.caught_up_at for row in rows]
        behind = None
        if rows and None not in marks:
            behind = max(0.0, (now - min(marks)).total_seconds() / self.speed)
        positions = {(self.topics[row.topic], row.partition): row.next_offset for row in rows}
        return Freshness(positions, behind, now)
