"""The read model made anew from the topics while the old one is in use, and put in its place.

Three steps. The new tables are filled beside the old, in rounds that end where the old ones had come.
Then the writers wait for a moment, until both are equally far: of that moment all tables are compared.
Last the writers wait once more, and the tables are exchanged in one transaction. Readers go on all the
time, and never see less than they have seen; who is killed begins again where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from services.tracker.filling import Filler, Source, fill_together, filler
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
from shared.contract.errors import PermanentError, Reason
from shared.runtime.database import Connection, Database
from shared.runtime.failpoints import failpoint
from shared.runtime.kafka import StaleDataError
from shared.runtime.migrations import migrate_beside
from shared.runtime.progress import Progress

_CLOSE: Final = 2000
"""Records that are few enough to be read while the writers wait."""

Tell = Callable[[str, int, int], None]
"""Called with what is done just now, how many records of how many are applied."""


class RebuildError(PermanentError):
    """It cannot be rebuilt, or not now; the message says why, and the tables in use are as before."""

    reason = Reason.STALE_DATA


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be rebuilt.

    Attributes:
        source: From where to where.
        processes: How many fill the new tables at a time.
        restart: Whether to throw away what an earlier rebuild has left, instead of going on.
        accept: Whether to exchange the tables although they differ.
    """

    source: Source
    processes: int
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
        old = await stack.enter_async_context(plan.source.opened(SCHEMA))
        turn = await stack.enter_async_context(old.engine.connect())
        if not await take_turn(turn):
            raise RebuildError("another rebuild of this database is at work")
        await turn.commit()
        resumed = await _prepare(plan, old)
        filling = await stack.enter_async_context(filler(plan.source))
        return await _Rebuild(plan, old, filling, tell, resumed=resumed).run()


class _Rebuild:
    def __init__(
        self, plan: Plan, old: Database, filling: Filler, tell: Tell, *, resumed: bool
    ) -> None:
        self._plan = plan
        self._old = old
        self._filler = filling
        self._tell = tell
        self._resumed = resumed
        self._records = 0

    async def run(self) -> Rebuilt:
        """Fill, compare, exchange."""
        await self._begin()
        while await self._behind() > _CLOSE:
            here, until = await self._here(), await self._there()
            told = self._teller("reading the topics", here, until)
            await fill_together(self._plan.source, self._plan.processes, here, until, told)
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
        for topic, reader in self._filler.readers.items():
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
            await Progress(self._filler.database).check(topic, cluster, bounds)

    async def _there(self) -> Places:
        async with self._old.transaction() as conn:
            return (await positions(conn, SCHEMA))[0]

    async def _here(self) -> Places:
        async with self._filler.database.transaction() as conn:
            return (await positions(conn, NEXT))[0]

    async def _behind(self) -> int:
        here = await self._here()
        return sum(max(0, end - here[place]) for place, end in (await self._there()).items())

    def _teller(self, what: str, here: Places, until: Places) -> Callable[[int], None]:
        """Return what is told of every transaction that fills: how many records it applied."""
        before, total = sum(here.values()) - self._records, sum(until.values())

        def tell(more: int) -> None:
            self._records += more
            failpoint("rebuild.after_batch")
            self._tell(what, before + self._records, total)

        self._tell(what, before + self._records, total)
        return tell

    async def _compared(self) -> tuple[dict[str, Checksum], list[Difference]]:
        """Compare all tables as they are when both have read equally far."""
        async with (
            self._old.engine.connect() as at_old,
            self._old.engine.connect() as at_new,
        ):
            for looking in (at_old, at_new):
                await looking.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            async with self._old.transaction() as conn:
                await self._level(conn)
                # The first statement of its transaction fixes what it sees: both at this moment.
                for looking in (at_old, at_new):
                    await looking.execute(text("SELECT 1"))
            self._tell("comparing", 0, 1)
            return await differences(at_old, at_new)

    async def _exchanged(self) -> None:
        self._tell("exchanging", 0, 1)
        async with self._old.transaction() as conn:
            await self._level(conn)
            failpoint("rebuild.before_exchange")
            await exchange(conn)

    async def _level(self, conn: Connection) -> None:
        """Have the writers wait until *conn*'s transaction ends, and catch up with them."""
        await conn.execute(text("SET LOCAL lock_timeout = '60s'"))
        await pause_writers(conn)
        here, until = await self._here(), (await positions(conn, SCHEMA))[0]
        await self._filler.fill(here, until, self._teller("catching up", here, until))
        await carry_over(conn)


async def _prepare(plan: Plan, old: Database) -> bool:
    """Make the new schema, or find that of an earlier rebuild; return which."""
    async with old.transaction() as conn:
        if plan.restart:
            await throw_away(conn)
        resumed = await begun(conn)
    await migrate_beside(plan.source.url, SCHEMA, NEXT)
    async with old.transaction() as conn:
        if not resumed:
            await drop_indexes(conn)
        await grant(conn)
        await take_over_erasures(conn)
    return resumed
