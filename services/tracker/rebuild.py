"""The read model made anew from the topics while the old one is in use, and put in its place.

Three steps. The new tables are filled beside the old, in rounds that end where the old ones had come.
Then the writers wait for a moment, until both are equally far: of that moment all tables are compared.
Last the writers wait once more, and the tables are exchanged in one transaction. Readers go on all the
time, and never see less than they have seen; who is killed begins again where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from services.tracker.core.message import KIND_OF_TOPIC, Kind
from services.tracker.store_rebuild import (
    NEXT,
    Checksum,
    Difference,
    Places,
    begun,
    carry_over,
    differences,
    drop_indexes,
    exchange,
    grant,
    make_indexes,
    pause_writers,
    positions,
    take_over_erasures,
    take_turn,
    throw_away,
)
from services.tracker.tables import SCHEMA
from services.tracker.worker import Worker
from shared.contract.errors import PermanentError, Reason
from shared.runtime.clock import Clock
from shared.runtime.database import Connection, Database, open_database
from shared.runtime.failpoints import failpoint
from shared.runtime.kafka import StaleDataError, StretchReader, stretch_reader
from shared.runtime.migrations import migrate_beside
from shared.runtime.progress import Progress
from shared.runtime.settings import KafkaAccess

_CLOSE: Final = 2000
"""Records that are few enough to be read while the writers wait."""

_PATIENCE_S: Final = 3600.0
_LANES: Final = 3
"""While one waits for PostgreSQL, another has the processor."""

Tell = Callable[[str, int, int], None]
"""Called with what is done just now, how many records of how many are applied."""


class RebuildError(PermanentError):
    """It cannot be rebuilt, or not now; the message says why, and the tables in use are as before."""

    reason = Reason.STALE_DATA


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be rebuilt.

    Attributes:
        url: The database, as the owner of its schemas.
        kafka: How to reach Kafka.
        topics: The registry's names by full name.
        clock: Speed and offset.
        late_after_s: A decision made more virtual seconds after its effective time is late.
        restart: Whether to throw away what an earlier rebuild has left, instead of going on.
        accept: Whether to exchange the tables although they differ.
    """

    url: str
    kafka: KafkaAccess
    topics: Mapping[str, str]
    clock: Clock
    late_after_s: float
    restart: bool = False
    accept: bool = False


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it.

    Attributes:
        exchanged: Whether the new tables are in use now.
        resumed: Whether it went on where an earlier one had ended.
        records: Records applied by this one.
        checksums: What each new table said when both were equally far.
        differences: Where the old ones said something else.
    """

    exchanged: bool
    resumed: bool
    records: int
    checksums: Mapping[str, Checksum]
    differences: tuple[Difference, ...]


async def rebuild(plan: Plan, tell: Tell) -> Rebuilt:
    """Make the read model anew from the topics, compare it with the old one, and exchange them.

    Args:
        plan: What is to be rebuilt.
        tell: Told how far it is.

    Raises:
        RebuildError: Somebody else is at it, or the tables were never filled.
        StaleDataError: The topics no longer hold everything.
        TransientError: Kafka or PostgreSQL is away; run it again, and it goes on where it was.
    """
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(_opened(plan, SCHEMA))
        turn = await stack.enter_async_context(old.engine.connect())
        if not await take_turn(turn):
            raise RebuildError("another rebuild of this database is at work")
        await turn.commit()
        resumed = await _prepare(plan, old)
        new = await stack.enter_async_context(_opened(plan, NEXT))
        lanes = [
            {
                topic: await stack.enter_async_context(stretch_reader(plan.kafka, topic))
                for topic in plan.topics
            }
            for _ in range(_LANES)
        ]
        worker = Worker(
            new,
            kinds={full: KIND_OF_TOPIC[name] for full, name in plan.topics.items()},
            late_after_s=plan.late_after_s,
        )
        return await _Rebuild(plan, old, new, lanes, worker, tell, resumed=resumed).run()


class _Rebuild:
    def __init__(
        self,
        plan: Plan,
        old: Database,
        new: Database,
        lanes: Sequence[Mapping[str, StretchReader]],
        worker: Worker,
        tell: Tell,
        *,
        resumed: bool,
    ) -> None:
        self._plan = plan
        self._old = old
        self._new = new
        self._lanes = lanes
        self._worker = worker
        self._tell = tell
        self._resumed = resumed
        self._records = 0

    async def run(self) -> Rebuilt:
        """Fill, compare, exchange."""
        await self._begin()
        while await self._behind() > _CLOSE:
            await self._fill(await self._there(), "reading the topics")
        self._tell("making indexes", 0, 1)
        async with self._old.transaction() as conn:
            await make_indexes(conn)
        checksums, found = await self._compared()
        exchanged = not found or self._plan.accept
        if exchanged:
            await self._exchanged()
        return Rebuilt(exchanged, self._resumed, self._records, checksums, tuple(found))

    async def _begin(self) -> None:
        """Record where each partition begins, and refuse topics that begin later than they did."""
        async with self._old.transaction() as conn:
            there, clusters = await positions(conn, SCHEMA)
        if not there:
            raise RebuildError("the tracker has read nothing yet; there is nothing to rebuild")
        (cluster,) = clusters
        for topic, reader in self._lanes[0].items():
            partitions = [number for name, number in there if name == topic]
            bounds = await reader.bounds(len(partitions))
            for number, log in bounds.items():
                if log.start > 0:
                    msg = (
                        f"{topic}, partition {number}: the records below {log.start} are gone. What"
                        " could be made from the rest would be less than what there is; restore"
                        " the topic from a backup."
                    )
                    raise StaleDataError(msg)
            await Progress(self._new).check(topic, cluster, bounds)

    async def _there(self) -> Places:
        async with self._old.transaction() as conn:
            return (await positions(conn, SCHEMA))[0]

    async def _here(self) -> Places:
        async with self._new.transaction() as conn:
            return (await positions(conn, NEXT))[0]

    async def _behind(self) -> int:
        here = await self._here()
        return sum(max(0, end - here[place]) for place, end in (await self._there()).items())

    async def _fill(self, until: Places, what: str) -> None:
        """Apply everything up to *until* to the new tables, in several lanes.

        All that is said of a ticket lies in partitions of one number, and so in one lane: none
        waits for a row of another.
        """
        here = await self._here()
        before, total = sum(here.values()) - self._records, sum(until.values())

        def tell() -> None:
            self._tell(what, before + self._records, total)

        tell()
        try:
            async with asyncio.TaskGroup() as filling:
                for lane in range(len(self._lanes)):
                    filling.create_task(self._fill_lane(lane, here, until, tell))
        except BaseExceptionGroup as group:
            # The others were ended over the first.
            raise group.exceptions[0] from None

    async def _fill_lane(
        self, lane: int, here: Places, until: Places, tell: Callable[[], None]
    ) -> None:
        for topic, reader in self._lanes[lane].items():
            ends = {
                number: at
                for (name, number), at in until.items()
                if name == topic and number % len(self._lanes) == lane
            }
            since = {number: here[topic, number] for number in ends}
            async for batch in reader.read(since, ends):
                await self._worker.handle(batch)
                failpoint("rebuild.after_batch")
                self._records += len(batch.records)
                tell()

    async def _compared(self) -> tuple[dict[str, Checksum], list[Difference]]:
        """Compare all tables as they are when both have read equally far."""
        self._tell("carrying over", 0, 1)
        async with self._old.transaction() as conn:
            await carry_over(conn, self._partitions(await self._there()))
        async with self._old.engine.connect() as looking:
            await looking.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            async with self._old.transaction() as conn:
                await self._level(conn)
                # The first statement of its transaction fixes what it sees: both at this moment.
                await looking.execute(text("SELECT 1"))
            self._tell("comparing", 0, 1)
            return await differences(looking)

    async def _exchanged(self) -> None:
        self._tell("exchanging", 0, 1)
        async with self._old.transaction() as conn:
            await self._level(conn)
            failpoint("rebuild.before_exchange")
            await exchange(conn)

    async def _level(self, conn: Connection) -> None:
        """Have the writers wait until *conn*'s transaction ends, and catch up with them."""
        await conn.execute(text("SET LOCAL lock_timeout = '60s'"))
        await conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await pause_writers(conn)
        until = (await positions(conn, SCHEMA))[0]
        before = await self._here()
        await self._fill(until, "catching up")
        await carry_over(conn, self._partitions(until, before))

    def _partitions(
        self, until: Places, since: Mapping[tuple[str, int], int] | None = None
    ) -> list[tuple[int, int]]:
        """Return partition and kind of everything that has moved up to *until*."""
        kinds: dict[str, Kind] = {
            full: KIND_OF_TOPIC[name] for full, name in self._plan.topics.items()
        }
        return [
            (number, int(kinds[topic]))
            for (topic, number), end in until.items()
            if topic in kinds and (since is None or since[topic, number] < end)
        ]


async def _prepare(plan: Plan, old: Database) -> bool:
    """Make the new schema, or find that of an earlier rebuild; return which."""
    async with old.transaction() as conn:
        if plan.restart:
            await throw_away(conn)
        resumed = await begun(conn)
    await migrate_beside(plan.url, SCHEMA, NEXT)
    async with old.transaction() as conn:
        if not resumed:
            await drop_indexes(conn)
        await grant(conn)
        await take_over_erasures(conn)
    return resumed


def _opened(plan: Plan, schema: str) -> Database:
    return open_database(
        plan.url,
        schema=schema,
        clock=plan.clock,
        pool_size=5,
        statement_timeout_s=_PATIENCE_S,
    )
