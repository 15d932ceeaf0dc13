"""A Kafka that is not the one that the database was filled from is refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete
from aiokafka.structs import TopicPartition
from sqlalchemy import text

from shared.runtime.database import Database
from shared.runtime.kafka import StaleDataError
from tests.support.consuming import QUICK, Applier, consuming, effects, until, until_applied
from tests.support.kafka_topics import a_topic, write

Damage = Callable[[str, str, Database], Awaitable[None]]


@asynccontextmanager
async def admin_of(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def more_partitions(kafka: str, topic: str, _: Database) -> None:
    async with admin_of(kafka) as admin:
        await admin.create_partitions({topic: NewPartitions(total_count=5)})

        async def heard_of() -> bool:
            (found,) = await admin.describe_topics([topic])
            return len(found["partitions"]) == 5

        await until(heard_of)


async def deleted_unread(kafka: str, topic: str, database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE progress SET next_offset = 3 WHERE partition = 0"))
    async with admin_of(kafka) as admin:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=7)})


async def made_anew(kafka: str, topic: str, _: Database) -> None:
    async with admin_of(kafka) as admin:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await until(gone)
    await a_topic(kafka, topic)


async def other_cluster(_: str, __: str, database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE progress SET cluster_id = 'another-cluster-0000000'"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(more_partitions, "5 partitions, but was read with 3", id="partition count"),
        pytest.param(deleted_unread, "offsets 3 to 6 were deleted", id="truncated start"),
        pytest.param(made_anew, "the topic ends at offset 0", id="made anew"),
        pytest.param(other_cluster, "another-cluster-0000000", id="other cluster"),
    ],
)
async def test_a_topic_that_does_not_fit_the_database_is_refused(
    kafka: str, topic_prefix: str, tracker: Database, damage: Damage, said: str
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events")
    await write(kafka, topic, [b"%d" % n for n in range(10)])
    async with consuming(kafka, [topic], Applier(tracker)):
        await until_applied(tracker, 10)
    await damage(kafka, topic, tracker)
    before = await effects(tracker)
    async with consuming(kafka, [topic], Applier(tracker)) as task:
        await asyncio.wait([task], timeout=90)
    error = task.exception()
    assert isinstance(error, StaleDataError)
    assert said in str(error)
    assert await effects(tracker) == before


async def write_with_a_hole(kafka: str, topic: str) -> None:
    """Write offsets 0 and 1 in a transaction, whose end takes offset 2, then offset 3."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{topic}.writer")
    await producer.start()
    async with producer.transaction():
        for value in (b"0", b"1"):
            await producer.send_and_wait(topic, value, partition=0)
    await producer.stop()
    await until(lambda: ends_at(kafka, topic, 3))
    await write(kafka, topic, [b"3"])


async def ends_at(kafka: str, topic: str, offset: int) -> bool:
    """Return whether the end of the transaction lies in the log: a commit does not wait for it."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        only = TopicPartition(topic, 0)
        ends: dict[TopicPartition, int] = await consumer.end_offsets([only])
        return ends[only] == offset
    finally:
        await consumer.stop()


async def test_a_hole_in_the_offsets_is_lost_data_and_refused(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=1)
    await write_with_a_hole(kafka, topic)
    async with consuming(kafka, [topic], Applier(tracker)) as task:
        await asyncio.wait([task], timeout=90)
    assert isinstance(task.exception(), StaleDataError)
    assert b"3" not in [value for _, _, value in await effects(tracker)]


async def test_a_topic_that_may_have_holes_is_read_across_them(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=1)
    await write_with_a_hole(kafka, topic)
    compacted = replace(QUICK, sparse=frozenset({topic}))
    async with consuming(kafka, [topic], Applier(tracker), compacted):
        await until_applied(tracker, 3)
    assert [value for _, _, value in await effects(tracker)] == [b"0", b"1", b"3"]
