"""Answers questions: from the read model into replies, as fresh as was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic_core import from_json

from services.tracker import answers, cursors
from services.tracker.core.drafts import Draft, Line, drafts
from services.tracker.core.message import Kind
from services.tracker.core.readers import Reader
from services.tracker.freshness import Freshness, parse_after, wait_for
from services.tracker.history import history_of
from services.tracker.replies import (
    Act,
    Board,
    BoardTier,
    Group,
    GroupPage,
    History,
    Ticket,
    TicketNow,
    TicketPage,
    TimelinePage,
)
from services.tracker.store_history import happened_since
from services.tracker.store_past import view_of_then
from services.tracker.store_queries import UNDECIDED, Query, Sort
from services.tracker.store_reading import Entry, Found, Lane, Place, ReadModel, Snapshot
from services.tracker.sums import Stats, stats
from shared.runtime.clock import monotonic
from shared.runtime.health import Problem

TIERS = (1, 2, 3)
GROUP_SOURCE = "group"
"""What stands where a ticket's key has its helpdesk, in the key of a group."""
LATEST_NOTICES = 50
_EXPORTED_AT_ONCE = 500
_BY_THE_DAY = 8
_DRAFTS_AMONG = 500
"""Of so many of the newest lines of a timeline drafts are found."""
_ANY = Query()


@dataclass
class Desk:
    """Where the API and the pages ask.

    Attributes:
        model: The read model.
        stats_age_s: How old, in real seconds, answered sums may be.
        late_after_s: A decision made more virtual seconds after its effective time is late.
    """

    model: ReadModel
    stats_age_s: float
    late_after_s: float
    _stats: tuple[float, Stats, Freshness] | None = field(default=None, init=False)

    async def fresh_enough(self, after: str | None, wait_ms: int) -> None:
        """Return once the place that *after* names is applied; at once if it is None.

        Raises:
            Problem: It is not, even after *wait_ms*.
        """
        if after is not None:
            await wait_for(parse_after(after), wait_ms, self.model.positions)

    @asynccontextmanager
    async def _view(self, as_of: datetime | None) -> AsyncIterator[Snapshot]:
        """Give the view of now, or of what was known at *as_of*."""
        async with self.model.snapshot() as now:
            yield now if as_of is None else view_of_then(now, as_of, self.late_after_s)

    async def tickets(
        self, query: Query, cursor: str | None, limit: int, as_of: datetime | None = None
    ) -> tuple[TicketPage, Freshness]:
        """Return the page of *query* after *cursor*, as it was known at *as_of*.

        Raises:
            Problem: The cursor belongs to another question, or *as_of* cannot be answered.
        """
        question = repr(query)
        place = [] if cursor is None else _place(question, cursor)
        async with self._view(as_of) as now:
            found = await now.tickets(query, place, limit + 1)
            items = await _as_tickets(now, found[:limit])
        following = None
        if len(found) > limit:
            following = cursors.seal(question, found[limit - 1].place)
        page = TicketPage(now=now.freshness.now, items=items, next_cursor=following)
        return page, now.freshness

    async def export(
        self, query: Query, as_of: datetime | None = None
    ) -> AsyncIterator[list[Ticket]]:
        """Yield all tickets of *query*, page by page, each page as it stands when it is read."""
        place: list[str] = []
        while True:
            async with self._view(as_of) as now:
                found = await now.tickets(query, place, _EXPORTED_AT_ONCE)
                tickets = await _as_tickets(now, found)
            yield tickets
            if len(found) < _EXPORTED_AT_ONCE:
                return
            place = found[-1].place

    async def ticket(self, key: str, as_of: datetime | None = None) -> tuple[TicketNow, Freshness]:
        """Return the ticket *key* as it stands, or as it was known at *as_of*.

        Raises:
            Problem: There is none, or nothing was known of it by then.
        """
        async with self._view(as_of) as now:
            row = await now.ticket(key)
            counts = await now.notice_counts([key])
            latest = await now.notices(key, LATEST_NOTICES)
        if row is None:
            raise unknown(key, as_of)
        clock = now.freshness.now
        return answers.ticket_now(row, counts.get(key, {}), latest, clock), now.freshness

    async def timeline(
        self,
        key: str,
        cursor: str | None,
        limit: int,
        as_of: datetime | None = None,
        *,
        newest_first: bool = False,
    ) -> tuple[TimelinePage, Freshness]:
        """Return the page of *key*'s timeline after *cursor*, the oldest first unless asked.

        Raises:
            Problem: There is no such ticket, or the cursor belongs to another question.
        """
        question = f"timeline {key} {newest_first}"
        place = None if cursor is None else _timeline_place(question, cursor)
        async with self._view(as_of) as now:
            found = await now.timeline(key, place, limit + 1, newest_first=newest_first)
            known = bool(found) or await now.ticket(key) is not None
        if not known:
            raise unknown(key, as_of)
        following = None
        if len(found) > limit:
            last = found[limit - 1]
            following = cursors.seal(question, [last.at.isoformat(), last.kind, last.offset])
        items = [answers.timeline_entry(entry) for entry in found[:limit]]
        page = TimelinePage(ticket=key, now=now.freshness.now, items=items, next_cursor=following)
        return page, now.freshness

    async def act(self, act_id: str, reader: Reader) -> tuple[Act, Freshness]:
        """Return what became of the act (or any event) *act_id*.

        Raises:
            Problem: Nothing was heard of it, or it is on a ticket that is not there for *reader*.
        """
        async with self.model.snapshot() as now:
            found = await now.event(act_id)
            if found is None or not reader.sees(found[0]):
                raise unknown_act(act_id)
            key, entry = found
            followed = await now.caused_by(key, act_id)
            judged = bool(followed) or await now.decided_after(key, entry.offset)
        act = answers.act(key, entry, followed=followed, judged=judged)
        return act, now.freshness

    async def drafts(self, key: str, by: str | None = None) -> tuple[list[Draft], Freshness]:
        """Return the forms on *key* that wait to be completed (of *by*), the newest first."""
        async with self.model.snapshot() as now:
            found = await now.timeline(key, None, _DRAFTS_AMONG, newest_first=True)
        lines = [_line(one) for one in reversed(found) if one.kind != Kind.DELIVERY]
        return [one for one in drafts(lines) if by is None or one.by == by], now.freshness

    async def board(
        self, per_tier: int, as_of: datetime | None = None, query: Query = _ANY
    ) -> tuple[Board, Freshness]:
        """Return the open tickets of each tier that are nearest to a breach, of those in *query*.

        How many there are is said of all that its source has, whatever else it filters by.
        """
        async with self._view(as_of) as now:
            lanes = await now.lanes(query.source)
            tiers = []
            for tier in (*TIERS, UNDECIDED):
                asked = replace(query, open=True, tiers=(tier,), sort=Sort.BREACH)
                found = await now.tickets(asked, (), per_tier)
                shown = await _as_tickets(now, found)
                lane = lanes.get(tier, Lane(0, 0))
                if tier or shown:
                    tiers.append(
                        BoardTier(
                            tier=tier or None, open=lane.open, overdue=lane.overdue, tickets=shown
                        )
                    )
        return Board(now=now.freshness.now, tiers=tiers), now.freshness

    async def groups(
        self, *, only_open: bool, cursor: str | None, limit: int
    ) -> tuple[GroupPage, Freshness]:
        """Return groups, the newest first: what each stands at, and how many tickets are in it.

        Raises:
            Problem: The cursor belongs to another question.
        """
        query = Query(sort=Sort.OPENED, source=GROUP_SOURCE, open=True if only_open else None)
        question = f"groups {query!r}"
        place = [] if cursor is None else _place(question, cursor)
        async with self.model.snapshot() as now:
            found = await now.tickets(query, place, limit + 1)
            shown = found[:limit]
            tickets = await _as_tickets(now, shown)
            members = await now.members([one.row.key for one in shown])
        following = None
        if len(found) > limit:
            following = cursors.seal(question, found[limit - 1].place)
        items = [Group(case=one, members=members.get(one.key, 0)) for one in tickets]
        return GroupPage(now=now.freshness.now, items=items, next_cursor=following), now.freshness

    async def history(self, days: int) -> tuple[History, Freshness]:
        """Return what happened in the last *days* days, by the hour, or by the day from 8 on."""
        step = timedelta(hours=1) if days < _BY_THE_DAY else timedelta(days=1)
        async with self.model.snapshot() as now:
            open_now = sum(lane.open for lane in (await now.lanes(None)).values())
            groups = await now.lanes(GROUP_SOURCE)
            happened = await happened_since(
                now.conn, now.freshness.now - timedelta(days=days), step
            )
        open_now -= sum(lane.open for lane in groups.values())
        reply = history_of(happened, now.freshness.now, timedelta(days=days), step, open_now)
        return reply, now.freshness

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


async def _as_tickets(now: Snapshot, found: list[Found]) -> list[Ticket]:
    counts = await now.notice_counts([one.row.key for one in found]) if found else {}
    clock = now.freshness.now
    return [answers.ticket(one.row, counts.get(one.row.key, {}), clock) for one in found]


def _line(entry: Entry) -> Line:
    message = from_json(entry.message)
    return Line(entry.type, message["id"], entry.received_at, message["data"])


def _place(question: str, cursor: str) -> list[str]:
    at, key = cursors.unseal(question, cursor, kinds=(str, str))
    if at != "infinity":
        _time(at)
    return [at, key]


def _timeline_place(question: str, cursor: str) -> Place:
    at, kind, offset = cursors.unseal(question, cursor, kinds=(str, int, int))
    if kind not in set(Kind):
        raise cursors.foreign()
    return _time(at), kind, offset


def _time(part: str) -> datetime:
    try:
        at = datetime.fromisoformat(part)
    except ValueError:
        raise cursors.foreign() from None
    if at.tzinfo is None:
        raise cursors.foreign()
    return at


def unknown(key: str, as_of: datetime | None = None) -> Problem:
    """Return the error for a ticket of which nothing is known, or was by *as_of*."""
    by_then = "" if as_of is None else f" by {as_of.isoformat()}"
    return Problem(
        status=404,
        code="unknown_ticket",
        title="No such ticket",
        detail=f"nothing has been heard of {key!r}{by_then}",
        do="Check the key, source:ticket; if you have just sent it, ask with `after`.",
    )


def unknown_act(act_id: str) -> Problem:
    """Return the error for an act of which nothing is known."""
    return Problem(
        status=404,
        code="unknown_act",
        title="No such act",
        detail=f"nothing has been heard of {act_id!r}",
        do="Check the id; if you have just sent it, ask with `after`.",
    )
