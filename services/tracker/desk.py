"""Answers questions: from the read model into replies, as fresh as was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.tracker import cursors
from services.tracker.core.message import Kind
from services.tracker.freshness import Freshness, parse_after, wait_for
from services.tracker.replies import (
    Board,
    BoardTier,
    TicketNow,
    TicketPage,
    TimelinePage,
    ticket,
    ticket_now,
    timeline_entry,
)
from services.tracker.store_queries import UNDECIDED, Query, Sort
from services.tracker.store_reading import ReadModel
from services.tracker.sums import Stats, stats
from shared.runtime.clock import monotonic
from shared.runtime.health import Problem

TIERS = (1, 2, 3)
_PLACE_IN_TIMELINE = 3


@dataclass
class Desk:
    """Where the API and the pages ask.

    Attributes:
        model: The read model.
        stats_age_s: How old, in real seconds, answered sums may be.
    """

    model: ReadModel
    stats_age_s: float
    _stats: tuple[float, Stats, Freshness] | None = field(default=None, init=False)

    async def fresh_enough(self, after: str | None, wait_ms: int) -> None:
        """Return once the place that *after* names is applied; at once if it is None.

        Raises:
            Problem: It is not, even after *wait_ms*.
        """
        if after is not None:
            await wait_for(parse_after(after), wait_ms, self.model.positions)

    async def tickets(
        self, query: Query, cursor: str | None, limit: int
    ) -> tuple[TicketPage, Freshness]:
        """Return the page of *query* after *cursor*."""
        question = repr(query)
        place = _place(question, cursor, query)
        async with self.model.snapshot() as now:
            found = await now.tickets(query, place, limit + 1)
            notices = await now.notices([one.row.key for one in found])
        shown = found[:limit]
        following = cursors.seal(question, shown[-1].place) if len(found) > limit else None
        clock = now.freshness.now
        items = [ticket(one.row, notices.get(one.row.key, {}), clock) for one in shown]
        return TicketPage(now=clock, items=items, next_cursor=following), now.freshness

    async def ticket(self, key: str) -> tuple[TicketNow, Freshness]:
        """Return the ticket *key* as it stands.

        Raises:
            Problem: There is none.
        """
        async with self.model.snapshot() as now:
            row = await now.ticket(key)
            notices = await now.notices([key])
        if row is None:
            raise _unknown(key)
        return ticket_now(row, notices.get(key, {}), now.freshness.now), now.freshness

    async def timeline(
        self, key: str, cursor: str | None, limit: int
    ) -> tuple[TimelinePage, Freshness]:
        """Return the page of *key*'s timeline after *cursor*.

        Raises:
            Problem: There is no such ticket.
        """
        question = f"timeline {key}"
        place = [] if cursor is None else _timeline_place(question, cursor)
        async with self.model.snapshot() as now:
            found = await now.timeline(key, place, limit + 1)
            known = bool(found) or await now.ticket(key) is not None
        if not known:
            raise _unknown(key)
        shown = found[:limit]
        following = None
        if len(found) > limit:
            last = shown[-1]
            following = cursors.seal(question, [last.at.isoformat(), last.kind, last.offset])
        items = [timeline_entry(entry) for entry in shown]
        page = TimelinePage(ticket=key, now=now.freshness.now, items=items, next_cursor=following)
        return page, now.freshness

    async def board(self, per_tier: int) -> tuple[Board, Freshness]:
        """Return the open tickets of each tier that are nearest to a breach."""
        sums, _ = await self.stats()
        counts = sums.tickets.by_tier
        async with self.model.snapshot() as now:
            clock = now.freshness.now
            tiers = []
            for tier in (*TIERS, UNDECIDED):
                query = Query(Sort.BREACH, open=True, tiers=(tier,))
                found = await now.tickets(query, (), per_tier)
                notices = await now.notices([one.row.key for one in found])
                shown = [ticket(one.row, notices.get(one.row.key, {}), clock) for one in found]
                known = counts.get(str(tier) if tier else "undecided", 0)
                if tier or shown:
                    # The sums may be a moment older than the tickets.
                    count = max(known, len(shown))
                    tiers.append(BoardTier(tier=tier or None, open=count, tickets=shown))
        return Board(now=clock, tiers=tiers), now.freshness

    async def stats(self) -> tuple[Stats, Freshness]:
        """Return all sums, not older than asked for."""
        if self._stats is not None and monotonic() - self._stats[0] < self.stats_age_s:
            return self._stats[1], self._stats[2]
        async with self.model.snapshot() as now:
            sums = await now.sums()
        behind = now.freshness.behind_s
        lag_ms = None if behind is None else round(behind * 1000)
        reply = stats(sums, now.freshness.now, lag_ms)
        self._stats = (monotonic(), reply, now.freshness)
        return reply, now.freshness


def _place(question: str, cursor: str | None, query: Query) -> list[Any]:
    if cursor is None:
        return []
    place = cursors.unseal(question, cursor, parts=query.parts)
    if not all(isinstance(part, str) for part in place):
        raise cursors.foreign()
    return [
        _time(part) if kind == "timestamptz" and part != "infinity" else part
        for part, kind in zip(place, query.kinds, strict=True)
    ]


def _timeline_place(question: str, cursor: str) -> list[Any]:
    at, kind, offset = cursors.unseal(question, cursor, parts=_PLACE_IN_TIMELINE)
    if not (isinstance(at, str) and kind in set(Kind) and isinstance(offset, int)):
        raise cursors.foreign()
    return [_time(at), kind, offset]


def _time(part: str) -> str:
    try:
        return datetime.fromisoformat(part).isoformat()
    except ValueError:
        raise cursors.foreign() from None


def _unknown(key: str) -> Problem:
    return Problem(
        status=404,
        code="unknown_ticket",
        title="No such ticket",
        detail=f"nothing has been heard of {key!r}",
        do="Check the key, source:ticket; if you have just sent it, ask with `after`.",
    )
