"""A consumer of the loop as the services write them, and what it did."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import text

from shared.runtime import progress
from shared.runtime.database import Database
from shared.runtime.kafka import Batch, ConsumeOptions, consume
from shared.runtime.progress import Progress
from shared.runtime.settings import KafkaAccess

QUICK = ConsumeOptions(group="", caught_up_every_s=0.1, session_timeout_s=6.0)
"""Looks round often, so that tests need not wait."""


@dataclass
class Applier:
    """Writes each record into the table ``effect``, in one transaction with the position."""

    database: Database
    before_commit: Callable[[Batch], Awaitable[None]] | None = None
    batches: list[Batch] = field(default_factory=list)

    async def handle(self, batch: Batch) -> None:
        """Apply *batch* once."""
        self.batches.append(batch)
        async with self.database.transaction() as conn:
            positions = await progress.lock(conn, batch.topic, batch.next_offsets)
            left = batch.beyond(positions)
            if not left.records:
                return
            await conn.execute(
                text(
                    "INSERT INTO effect (partition, at_offset, value) SELECT p, o, v FROM"
                    " unnest(CAST(:partitions AS int[]), CAST(:offsets AS bigint[]),"
                    " CAST(:values AS bytea[])) WITH ORDINALITY AS given (p, o, v, n) ORDER BY n"
                ),
                {
                    "partitions": [record.partition for record in left.records],
                    "offsets": [record.offset for record in left.records],
                    "values": [record.value for record in left.records],
                },
            )
            if self.before_commit is not None:
                await self.before_commit(batch)
            await progress.advance(conn, batch.topic, left.next_offsets)


async def make_effect_table(database: Database) -> None:
    """Make the table that `Applier` writes; it would show an effect applied twice."""
    async with database.transaction() as conn:
        await conn.execute(
            text("CREATE TABLE effect (n serial, partition int, at_offset bigint, value bytea)")
        )


async def effects(database: Database) -> list[tuple[int, int, bytes]]:
    """Return partition, offset and value of each effect, in the order of application."""
    async with database.transaction() as conn:
        rows = await conn.execute(
            text("SELECT partition, at_offset, value FROM effect ORDER BY partition, n")
        )
        return [(row[0], row[1], row[2]) for row in rows]


async def until(claim: Callable[[], Awaitable[bool]], *, within_s: float = 45.0) -> None:
    """Wait until *claim* holds."""
    async with asyncio.timeout(within_s):
        while not await claim():  # noqa: ASYNC110  what is waited for is in a server
            await asyncio.sleep(0.05)


async def until_applied(database: Database, count: int) -> None:
    """Wait until *count* effects are there."""

    async def there() -> bool:
        return len(await effects(database)) >= count

    await until(there)


@asynccontextmanager
async def consuming(
    kafka: str,
    topics: Sequence[str],
    applier: Applier,
    options: ConsumeOptions = QUICK,
) -> AsyncIterator[asyncio.Task[None]]:
    """Consume *topics* meanwhile; the task's error is the test's to look at."""
    stop = asyncio.Event()
    task = asyncio.create_task(
        consume(
            topics,
            applier.handle,
            access=KafkaAccess(bootstrap_servers=kafka),
            progress=Progress(applier.database),
            options=replace(options, group=options.group or f"{topics[0]}.group"),
            stop=stop,
        )
    )
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait([task])
