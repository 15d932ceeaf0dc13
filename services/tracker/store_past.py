"""The read model as it was: folded again from what was known at a moment, then asked as ever.

A ticket of which nothing became known since stands in its row as it stood then. Of the others, the
messages known by then are folded anew, by the same projection that made the rows.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import FromClause, Select, any_, bindparam, cast, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY
from typing_extensions import override

from services.tracker.core.message import Kind, Message, read
from services.tracker.core.notices import Notice, further, noticed
from services.tracker.core.projection import TicketRow, project
from services.tracker.freshness import Freshness
from services.tracker.store import in_columns
from services.tracker.store_reading import ENTRY, Snapshot, Told
from services.tracker.tables import repetition, ticket, timeline
from shared.runtime.database import Connection
from shared.runtime.health import Problem

MOST_CHANGED: Final = 2000
"""A list of then is made where no more tickets have changed since."""


@dataclass(slots=True)
class _Then:
    """One ticket as it was known: its row, and its notices with the message that said so."""

    row: TicketRow
    notices: dict[UUID, tuple[Notice, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PastSnapshot(Snapshot):
    """The view of what was known at `at`.

    Attributes:
        at: The moment, aware; `freshness.now` is the same.
        late_after_s: A decision made more virtual seconds after its effective time is late.
    """

    at: datetime
    late_after_s: float
    _folded: dict[str, _Then | None] = field(default_factory=dict)
    _changed: list[FromClause] = field(default_factory=list)

    @override
    async def ticket(self, key: str) -> TicketRow | None:
        """Return the row of *key* as it was, if it was known."""
        await self._fold([key])
        then = self._folded[key]
        return None if then is None else then.row

    @override
    async def all_tickets(self) -> FromClause:
        """Return the tickets as they were, with the columns of `ticket`.

        Raises:
            Problem: Too many have changed since.
        """
        if not self._changed:
            self._changed.append(await self._all_tickets())
        return self._changed[0]

    @override
    async def _opened(self, source: str | None) -> dict[int, int]:
        """Return how many tickets (of *source*) were open, by tier; counted, no sum is kept of then."""
        return await self._open_by_tier(source)

    @override
    async def notice_counts(self, keys: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return how many notices of each of *keys* were in which state."""
        await self._fold(keys)
        counts: dict[str, dict[str, int]] = {}
        for key in keys:
            then = self._folded[key]
            states = [one.state for one, _ in then.notices.values()] if then else []
            if states:
                counts[key] = dict(sorted(Counter(states).items()))
        return counts

    @override
    async def notices(self, key: str, limit: int) -> list[Told]:
        """Return the *limit* notices of *key* that had moved last, the latest first."""
        await self._fold([key])
        then = self._folded[key]
        found = sorted(then.notices.values(), key=lambda one: one[0].id) if then else []
        found.sort(key=lambda one: one[0].at, reverse=True)
        return [Told(one.state, one.at, message) for one, message in found[:limit]]

    @override
    def _entries(self) -> Select[Any]:
        again = (
            select(func.coalesce(func.sum(repetition.c.n), 0))
            .where(repetition.c.identity == timeline.c.identity, repetition.c.known_at <= self.at)
            .scalar_subquery()
        )
        columns = [again if one is timeline.c.repeats else one for one in ENTRY]
        return select(*columns).where(timeline.c.known_at <= self.at)

    async def _all_tickets(self) -> FromClause:
        since = (
            select(timeline.c.ticket)
            .where(timeline.c.known_at > self.at)
            .distinct()
            .limit(MOST_CHANGED + 1)
        )
        changed = [row[0] for row in await self.conn.execute(since)]
        if len(changed) > MOST_CHANGED:
            raise _too_far_back()
        await self._fold(changed)
        rows = [then.row for key in changed if (then := self._folded[key]) is not None]
        columns = in_columns(rows)
        arrays = [
            cast(bindparam(f"then_{one.name}", columns[one.name], unique=True), ARRAY(one.type))
            for one in ticket.c
        ]
        names = [one.name for one in ticket.c]
        given = func.unnest(*arrays).table_valued(*names).render_derived("given")
        typed = [
            # No promise known to run is the end of all time, as in the rows.
            func.coalesce(
                cast(given.c[one.name], one.type), literal("infinity").cast(one.type)
            ).label(one.name)
            if one.name == "next_due"
            else cast(given.c[one.name], one.type).label(one.name)
            for one in ticket.c
        ]
        gone = cast(bindparam("changed", changed, unique=True), ARRAY(ticket.c.key.type))
        kept = select(*ticket.c).where(~(ticket.c.key == any_(gone)))
        return union_all(kept, select(*typed)).subquery("ticket_then")

    async def _fold(self, keys: Sequence[str]) -> None:
        """Fold the tickets *keys* that are not folded yet; None is kept for the unknown."""
        wanted = [key for key in keys if key not in self._folded]
        if not wanted:
            return
        asked = (
            select(timeline.c.ticket, *ENTRY)
            .where(timeline.c.ticket.in_(wanted), timeline.c.known_at <= self.at)
            .order_by(timeline.c.ticket)
        )
        by_ticket: dict[str, list[Message]] = defaultdict(list)
        rows = (await self.conn.execute(asked)).all()
        for row in rows:
            by_ticket[row.ticket].append(_message(row))
            if len(by_ticket[row.ticket]) % _AT_ONCE == 0:
                # Others have questions, too.
                await asyncio.sleep(0)
        for key in wanted:
            messages = by_ticket[key]
            # Notices alone make no row: nothing of the ticket itself was heard.
            known = any(one.kind is not Kind.DELIVERY for one in messages)
            self._folded[key] = self._then(key, messages) if known else None

    def _then(self, key: str, messages: Sequence[Message]) -> _Then:
        then = _Then(TicketRow(key))
        for message in messages:
            then.row = project(then.row, message, late_after_s=self.late_after_s)
            heard = noticed(message)
            if heard is None:
                continue
            known = then.notices.get(heard.id)
            if further(known[0] if known else None, heard) is heard:
                then.notices[heard.id] = (heard, message.text)
        return then


def view_of_then(now: Snapshot, at: datetime, late_after_s: float) -> Snapshot:
    """Return the view of what was known at *at*, inside the snapshot *now*.

    Raises:
        Problem: *at* lies ahead.
    """
    if at > now.freshness.now:
        raise Problem(
            status=422,
            code="as_of_ahead",
            title="Nobody knows yet what will be known",
            detail=f"as_of: {at.isoformat()} is after now, {now.freshness.now.isoformat()}",
            do="Ask about a moment that has passed; /plan says what happens next.",
        )
    conn: Connection = now.conn
    freshness = Freshness(now.freshness.positions, now.freshness.behind_s, at)
    return PastSnapshot(conn, freshness, at, late_after_s)


_AT_ONCE: Final = 50


def _message(row: Any) -> Message:
    place = (row.partition, row.offset)
    return read(Kind(row.kind), str(row[-1]).encode(), (), place=place)


def _too_far_back() -> Problem:
    return Problem(
        status=422,
        code="as_of_too_far_back",
        title="Too much has happened since",
        detail=f"as_of: more than {MOST_CHANGED} tickets have changed since then",
        do="Ask about a later moment, or about one ticket: those have no such limit.",
    )
