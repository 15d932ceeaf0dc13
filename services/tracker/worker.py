"""Takes batches of the three topics into the read model, each once, with the position."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import structlog
from pydantic_core import from_json

from services.tracker import metrics
from services.tracker.core.counts import Counts, What, count
from services.tracker.core.message import Kind, Message, read
from services.tracker.core.notices import Notice, further, noticed
from services.tracker.core.projection import TicketRow, project
from services.tracker.store import add_up, count_repeats, load_rows, park, remember, save_rows
from services.tracker.store_notices import load_notices, save_notices
from shared.contract.errors import InvalidEventError, Reason, TransientError
from shared.runtime import progress
from shared.runtime.database import Connection, Database
from shared.runtime.kafka import Batch, Incoming, StaleDataError
from shared.runtime.telemetry import DEAD_LETTERS

log = structlog.get_logger()

# How a repeat may differ from what was said first: intake stamps every receipt.
_STAMPED: Final = frozenset({"receivedat", "traceparent"})


@dataclass(slots=True)
class Cache:
    """The rows last written, most recent last; a row is only as good as its revision."""

    size: int
    _rows: OrderedDict[str, TicketRow] = field(default_factory=OrderedDict)

    def rows(self, keys: Iterable[str]) -> dict[str, TicketRow]:
        """Return the rows that are held of *keys*."""
        return {key: self._rows[key] for key in keys if key in self._rows}

    def keep(self, rows: Mapping[str, TicketRow]) -> None:
        """Hold *rows*, and let go of the oldest beyond the size."""
        for key, row in rows.items():
            held = self._rows.get(key)
            # Another topic's batch may have been written after ours, and kept before it.
            if held is None or held.revision < row.revision:
                self._rows[key] = row
            self._rows.move_to_end(key)
        while len(self._rows) > self.size:
            self._rows.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Worker:
    """The projection, wired to the database.

    Attributes:
        database: Where the read model is.
        kinds: What each topic, by its full name, carries.
        late_after_s: A decision made more virtual seconds after its effective time is late.
        cache: Rows in memory.
    """

    database: Database
    kinds: Mapping[str, Kind]
    late_after_s: float
    cache: Cache

    async def handle(self, batch: Batch) -> None:
        """Take *batch* in once: timeline, rows, sums and position in one transaction.

        A record that is no message is parked as it came; one whose effect cannot be stored is
        found by taking the batch in one by one, and parked too. No record stops its partition.
        """
        try:
            await self._take(batch)
        except (TransientError, StaleDataError):
            raise
        except Exception:
            log.exception("batch taken one by one", topic=batch.topic, partition=batch.partition)
            for record in batch.records:
                await self._take_alone(replace(batch, records=[record]))

    async def _take_alone(self, batch: Batch) -> None:
        try:
            await self._take(batch)
        except (TransientError, StaleDataError):
            raise
        except Exception as error:  # noqa: BLE001  what fails twice, alone, is parked
            dead = [(batch.records[0], str(Reason.HANDLER_CRASHED), repr(error))]
            async with self.database.transaction() as conn:
                if await progress.lock(conn, batch.topic, batch.partition) < batch.next_offset:
                    await park(conn, batch.topic, batch.partition, dead)
                    await progress.advance(conn, batch.topic, batch.partition, batch.next_offset)
            _said_dead(batch, dead)

    async def _take(self, batch: Batch) -> None:
        kind = self.kinds[batch.topic]
        async with self.database.transaction() as conn:
            position = await progress.lock(conn, batch.topic, batch.partition)
            records = [record for record in batch.records if record.offset >= position]
            if not records:
                return
            messages, dead = _read(kind, records)
            fresh, repeats = await self._remember(conn, batch, messages)
            counts = count(fresh, late_after_s=self.late_after_s)
            if repeats:
                counts[What.REPEATS, "all"] += repeats
            rows: dict[str, TicketRow] = {}
            if kind is Kind.DELIVERY:
                counts.update(await _take_notices(conn, fresh))
            elif fresh:
                rows = await self._project(conn, fresh)
            if dead:
                await park(conn, batch.topic, batch.partition, dead)
            await add_up(conn, batch.topic, batch.partition, counts)
            await progress.advance(conn, batch.topic, batch.partition, batch.next_offset)
        self.cache.keep(rows)
        metrics.PROJECTED.labels(batch.topic).inc(len(fresh))
        _said_dead(batch, dead)

    async def _remember(
        self, conn: Connection, batch: Batch, messages: Sequence[Message]
    ) -> tuple[list[Message], int]:
        """Put *messages* into the timeline; return those that are new, and how many were not."""
        if not messages:
            return [], 0
        first: dict[bytes, Message] = {}
        again = [one for one in messages if first.setdefault(one.identity, one) is not one]
        known = await remember(conn, batch.partition, list(first.values()))
        again += [first[identity] for identity in known]
        if again:
            told = await count_repeats(conn, Counter(one.identity for one in again))
            _compare(batch, again, told)
        return [one for identity, one in first.items() if identity not in known], len(again)

    async def _project(self, conn: Connection, fresh: Sequence[Message]) -> dict[str, TicketRow]:
        """Project *fresh* into the rows of their tickets, and write these."""
        by_ticket: dict[str, list[Message]] = defaultdict(list)
        for message in fresh:
            by_ticket[message.ticket].append(message)
        known = self.cache.rows(by_ticket)
        unknown = by_ticket.keys() - known.keys()
        if unknown:
            known |= await load_rows(conn, unknown)
        rows = self._projected(by_ticket, known)
        overtaken = await save_rows(conn, rows.values())
        if overtaken:
            # Somebody wrote these after we had read them. We hold their locks by now, so what is
            # read this time stays.
            metrics.REWRITES.inc()
            stored = await load_rows(conn, overtaken, locked=True)
            again = self._projected({key: by_ticket[key] for key in overtaken}, stored)
            await save_rows(conn, again.values())
            rows |= again
        return rows

    def _projected(
        self, by_ticket: Mapping[str, Sequence[Message]], known: Mapping[str, TicketRow]
    ) -> dict[str, TicketRow]:
        rows = {}
        for key, messages in by_ticket.items():
            row = known.get(key) or TicketRow(key)
            before = row.revision
            for message in messages:
                row = project(row, message, late_after_s=self.late_after_s)
            rows[key] = replace(row, revision=before + 1)
        return rows


def _read(
    kind: Kind, records: Sequence[Incoming]
) -> tuple[list[Message], list[tuple[Incoming, str, str]]]:
    messages, dead = [], []
    for record in records:
        try:
            messages.append(read(kind, record.value, record.headers, offset=record.offset))
        except InvalidEventError as error:
            dead.append((record, str(error.reason), str(error)))
    return messages, dead


async def _take_notices(conn: Connection, fresh: Sequence[Message]) -> Counts:
    """Move the notices that *fresh* speak of on, and return how many came into and left each state."""
    heard = [notice for notice in map(noticed, fresh) if notice is not None]
    counts: Counts = Counter()
    if not heard:
        return counts
    known = await load_notices(conn, {notice.id for notice in heard})
    now: dict[UUID, Notice] = dict(known)
    for notice in heard:
        now[notice.id] = further(now.get(notice.id), notice)
    changed = [one for key, one in now.items() if one is not known.get(key)]
    for one in changed:
        counts[What.NOTICES, one.state] += 1
        if one.id in known:
            counts[What.NOTICES, known[one.id].state] -= 1
    if changed:
        await save_notices(conn, changed)
    return counts


def _compare(batch: Batch, again: Iterable[Message], told: Mapping[bytes, str]) -> None:
    """Count repeats, and those that say something else than the first time."""
    for message in again:
        metrics.REPEATS.labels(batch.topic).inc()
        if _content(message.text) != _content(told[message.identity]):
            metrics.CONFLICTS.labels(batch.topic).inc()
            log.error(
                "said again with another content",
                topic=batch.topic,
                ticket=message.ticket,
                type=message.type,
                id=message.id,
            )


def _content(text: str) -> dict[str, Any]:
    plain: dict[str, Any] = from_json(text)
    return {name: part for name, part in plain.items() if name not in _STAMPED}


def _said_dead(batch: Batch, dead: Sequence[tuple[Incoming, str, str]]) -> None:
    for record, reason, error in dead:
        DEAD_LETTERS.labels(batch.topic, reason).inc()
        log.warning(
            "record parked",
            topic=batch.topic,
            partition=batch.partition,
            offset=record.offset,
            why=reason,
            error=error,
        )
