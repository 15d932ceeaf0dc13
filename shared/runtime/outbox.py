"""The relay from a service's ``outbox`` to Kafka: may repeat a row, never skips one.

A row is written in the transaction of the change that it speaks of, published after that, and
marked only once all in-sync replicas have it. Whoever dies in between leaves the row to the next
relay, which sends the same bytes under the same id; readers drop what they have. One relay of a
schema is at work at a time; the others wait for its lock, which ends with its connection.

A row that is too large for Kafka can never be published. It is marked dead, logged and counted, and
the rows after it go on; readers see the gap in their ticket's versions and ask for its state.

The table, made by the service's migrations, has at least ``seq`` (ascending), ``ticket``,
``payload`` (structured CloudEvent), ``published_at``, ``dead_at``, and an index of the rows that
have neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import structlog
from pydantic_core import from_json
from sqlalchemy import text

from shared.contract.envelope import headers_of
from shared.contract.errors import TransientError
from shared.runtime.database import Database, retrying
from shared.runtime.failpoints import failpoint
from shared.runtime.kafka import Publisher, Record, RecordTooLargeError
from shared.runtime.telemetry import OUTBOX_DEAD

log = structlog.get_logger()

_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(:key, hashtext(current_schema()))")
# Never "seq > the last one seen": rows become visible in the order of their commits.
_WAITING: Final = text(
    "SELECT seq, ticket, payload FROM outbox WHERE published_at IS NULL AND dead_at IS NULL"
    " ORDER BY seq LIMIT :most"
)
_MARK: Final = text(
    "UPDATE outbox SET published_at = clock_timestamp() WHERE seq = ANY(CAST(:seqs AS bigint[]))"
)
_BURY: Final = text("UPDATE outbox SET dead_at = clock_timestamp() WHERE seq = :seq")
_CLEAN: Final = text(
    "DELETE FROM outbox WHERE published_at < clock_timestamp() - make_interval(days => :days)"
)
_LOCK_KEY: Final = 0x6F757462
_CLEAN_EVERY_S: Final = 3600.0
_KEPT_DAYS: Final = 7


class Row(NamedTuple):
    """One row that waits; *payload* is a structured CloudEvent."""

    seq: int
    ticket: str
    payload: bytes


@dataclass(slots=True)
class Relay:
    """Publishes a schema's outbox to one topic.

    Attributes:
        database: The service's own.
        publisher: How to reach Kafka; its deadline must be under 15 s, after which PostgreSQL
            ends a transaction that does nothing.
        topic: The topic's full name, prefix included.
        wake: Set it after a commit that wrote rows; without it they wait for the next look.
        poll_s: Real seconds between looks at an outbox that seemed empty.
        gather_s: Real seconds for which rows are gathered once it is woken; a service that commits
            all the time and whose readers can wait spares publishings by it.
        most: Rows of one publishing.
    """

    database: Database
    publisher: Publisher
    topic: str
    wake: asyncio.Event
    poll_s: float = 0.25
    gather_s: float = 0.0
    most: int = 500

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until *stop*, and through what Kafka or PostgreSQL do meanwhile."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_unless_stopped(self._publish_on(stop), stop))
            group.create_task(_unless_stopped(self._clean_on(stop), stop))

    async def publish_waiting(self) -> int:
        """Publish the rows that wait, at most `most`, and return how many there were.

        Raises:
            TransientError: Kafka or PostgreSQL is away; some rows may have been published, and
                will be again.
        """
        async with self.database.transaction() as conn:
            if not (await conn.execute(_LOCK, {"key": _LOCK_KEY})).scalar_one():
                return 0
            waiting = await conn.execute(_WAITING, {"most": self.most})
            rows = [Row(*row) for row in waiting.all()]
            if rows:
                failpoint("relay.before_send")
                dead = await self._publish(rows)
                failpoint("relay.after_send")
                for row in dead:
                    await conn.execute(_BURY, {"seq": row.seq})
                sent = [row.seq for row in rows if row not in dead]
                await conn.execute(_MARK, {"seqs": sent})
                failpoint("relay.after_mark")
        return len(rows)

    async def _publish(self, rows: Sequence[Row]) -> list[Row]:
        """Publish *rows*, and return those that are too large ever to be published."""
        try:
            await self.publisher.publish([self._record(row) for row in rows])
        except RecordTooLargeError:
            return [row for row in rows if not await self._fits(row)]
        return []

    async def _fits(self, row: Row) -> bool:
        """Publish *row* alone, and return whether Kafka takes a record of its size."""
        try:
            await self.publisher.publish([self._record(row)])
        except RecordTooLargeError:
            OUTBOX_DEAD.inc()
            log.exception("outbox row is dead", seq=row.seq, ticket=row.ticket)
            return False
        return True

    async def _publish_on(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.wake.clear()
            count = await retrying(self.publish_waiting, stop=stop, what="publish the outbox")
            if count < self.most and not stop.is_set():
                await self._until_woken()

    async def _until_woken(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.poll_s):
                await self.wake.wait()
        await asyncio.sleep(self.gather_s)

    async def _clean_on(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await retrying(self._clean, stop=stop, what="clean the outbox")
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLEAN_EVERY_S):
                    await stop.wait()

    async def _clean(self) -> None:
        async with self.database.transaction() as conn:
            await conn.execute(_CLEAN, {"days": _KEPT_DAYS})

    def _record(self, row: Row) -> Record:
        headers = headers_of(_attributes(row.payload))
        return Record(self.topic, row.ticket.encode(), row.payload, headers)


def _attributes(payload: bytes) -> dict[str, Any]:
    """Return the attributes of a structured CloudEvent; with `data` last, that is not even parsed."""
    head, found, _ = payload.partition(b',"data":{')
    attributes: dict[str, Any] = from_json(head + b"}" if found else payload)
    return attributes


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Do *work*; what is away once *stop* is set keeps nobody: the rows are there afterwards."""
    try:
        await work
    except TransientError:
        if not stop.is_set():
            raise
