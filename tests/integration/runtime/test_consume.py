"""What the consumer loop promises, on a real Kafka and a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from shared.contract.errors import Reason, TransientError
from shared.runtime import progress
from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database
from shared.runtime.kafka import Batch, ConsumeOptions, consume
from shared.runtime.migrations import migrate
from shared.runtime.progress import Progress
from shared.runtime.settings import KafkaAccess
from tests.support.kafka_topics import a_topic, write


class AwayError(TransientError):
    reason = Reason.DATABASE_UNAVAILABLE


@pytest.fixture
async def tracker(database: str) -> AsyncIterator[Database]:
    """A migrated schema with a table that takes each record's effect once or twice."""
    await migrate(database, ["tracker"])
    async with open_database(database, schema="tracker", clock=Clock()) as opened:
        async with opened.transaction() as conn:
            await conn.execute(
                text("CREATE TABLE effect (n serial, partition int, at_offset bigint, value bytea)")
            )
        yield opened


@dataclass
class Applier:
    """A handler as the services write them: effects and position in one transaction."""

    database: Database
    fail: Callable[[Batch], None] = lambda batch: None
    batches: list[Batch] = field(default_factory=list)

    async def handle(self, batch: Batch) -> None:
        self.batches.append(batch)
        async with self.database.transaction() as conn:
            position = await progress.lock(conn, batch.topic, batch.partition)
            for record in batch.records:
                if record.offset >= position:
                    await conn.execute(
                        text(
                            "INSERT INTO effect (partition, at_offset, value) VALUES (:p, :o, :v)"
                        ),
                        {"p": batch.partition, "o": record.offset, "v": record.value},
                    )
            self.fail(batch)
            await progress.advance(conn, batch.topic, batch.partition, batch.next_offset)


async def effects(database: Database) -> list[tuple[int, int, bytes]]:
    """Return the effects of each partition in the order in which they were applied."""
    async with database.transaction() as conn:
        rows = await conn.execute(
            text("SELECT partition, at_offset, value FROM effect ORDER BY partition, n")
        )
        return [tuple(row) for row in rows]


async def until(claim: Callable[[], Awaitable[bool]], *, within_s: float = 30.0) -> None:
    """Wait until *claim* holds."""
    async with asyncio.timeout(within_s):
        while not await claim():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def consuming(
    kafka: str, database: Database, topic: str, applier: Applier, **options: object
) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(
        consume(
            [topic],
            applier.handle,
            access=KafkaAccess(bootstrap_servers=kafka),
            progress=Progress(database),
            options=ConsumeOptions(
                **{"group": f"{topic}.group", "caught_up_every_s": 0.1, **options}
            ),
            stop=stop,
        )
    )
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait([task])


async def test_everything_is_applied_once_and_in_order(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events")
    for number in range(3):
        await write(kafka, topic, [b"%d" % n for n in range(700)], partition=number)
    applier = Applier(tracker)
    async with consuming(kafka, tracker, topic, applier):

        async def all_there() -> bool:
            return len(await effects(tracker)) == 2100

        await until(all_there)
    assert await effects(tracker) == [(p, n, b"%d" % n) for p in range(3) for n in range(700)]
    assert max(len(batch.records) for batch in applier.batches) <= 500
