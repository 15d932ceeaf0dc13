"""Published means: every in-sync replica has it. Anything else is an error within the deadline."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from cli.embedded.kafka import KafkaServer
from shared.runtime.clock import monotonic
from shared.runtime.kafka import (
    KafkaUnavailableError,
    Publisher,
    PublisherBrokenError,
    PublishFailedError,
    PublishTimeoutError,
    Record,
    RecordTooLargeError,
    partition_for,
)
from shared.runtime.settings import KafkaAccess
from tests.support.freezing import frozen
from tests.support.kafka_topics import a_topic, all_records

NO_PAST = {"message.timestamp.type": "CreateTime", "message.timestamp.before.max.ms": "0"}
"""A topic that refuses what does not arrive in the millisecond in which it was handed over."""


def too_late(topic: str) -> list[Record]:
    """Return more records than can be handed over within a millisecond."""
    return [a_record(topic)] * 1000


@asynccontextmanager
async def publishing(kafka: str, **options: float) -> AsyncIterator[Publisher]:
    publisher = Publisher(
        KafkaAccess(bootstrap_servers=kafka),
        client_id="test",
        deadline_s=options.get("deadline_s", 10.0),
        max_batch_bytes=int(options.get("max_batch_bytes", 128 * 1024)),
    )
    try:
        yield publisher
    finally:
        await publisher.close()


def a_record(topic: str, *, key: str = "desk:1", value: bytes = b"{}") -> Record:
    return Record(topic, key.encode(), value, [("ce_id", b"1")])


async def test_records_lie_where_the_publisher_says(kafka: str, topic_prefix: str) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=5)
    records = [
        a_record(topic, key=f"desk:{number % 7}", value=b"%d" % number) for number in range(100)
    ]
    async with publishing(kafka) as publisher:
        landed = await publisher.publish(records)
        landed += await publisher.publish([a_record(topic, value=b"one more")])
    log = {(found.partition, found.offset): found for found in await all_records(kafka, topic)}
    assert len(log) == 101
    for record, (partition, offset) in zip([*records, a_record(topic)], landed, strict=True):
        assert partition == partition_for(record.key, 5)
        assert log[partition, offset].key == record.key
    by_key = [found.value for found in log.values() if found.key == b"desk:3"]
    assert by_key == [b"%d" % number for number in range(3, 100, 7)]


async def test_many_records_at_once_keep_their_order_over_several_batches(
    kafka: str, topic_prefix: str
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=3)
    filler = b"x" * 100
    records = [
        a_record(topic, key=f"desk:{number % 7}", value=b"%d %b" % (number, filler))
        for number in range(500)
    ]
    async with publishing(kafka, max_batch_bytes=4096) as publisher:
        landed = await publisher.publish(records)
    log = {(found.partition, found.offset): found for found in await all_records(kafka, topic)}
    assert len(log) == 500
    for record, (partition, offset) in zip(records, landed, strict=True):
        assert partition == partition_for(record.key, 3)
        assert (log[partition, offset].key, log[partition, offset].value) == (
            record.key,
            record.value,
        )
    for key in {record.key for record in records}:
        offsets = [at.offset for one, at in zip(records, landed, strict=True) if one.key == key]
        assert offsets == sorted(offsets)


async def test_nothing_published_is_nothing_landed(kafka: str) -> None:
    async with publishing(kafka) as publisher:
        assert await publisher.publish([]) == []


async def test_a_refused_record_costs_the_producer_and_the_next_one_lands(
    kafka: str, topic_prefix: str
) -> None:
    strict = await a_topic(kafka, f"{topic_prefix}strict", config=NO_PAST)
    other = await a_topic(kafka, f"{topic_prefix}other")
    async with publishing(kafka) as publisher:
        with pytest.raises(PublishFailedError):
            await publisher.publish(too_late(strict))
        await publisher.publish([a_record(other, value=b"fits")])
    assert [found.value for found in await all_records(kafka, other)] == [b"fits"]


async def test_three_refusals_in_a_row_end_the_process(kafka: str, topic_prefix: str) -> None:
    strict = await a_topic(kafka, f"{topic_prefix}strict", config=NO_PAST)
    async with publishing(kafka) as publisher:
        watching = asyncio.create_task(publisher.until_broken())
        for _ in range(2):
            with pytest.raises(PublishFailedError):
                await publisher.publish(too_late(strict))
        with pytest.raises(PublisherBrokenError):
            await publisher.publish(too_late(strict))
        await asyncio.wait([watching], timeout=5)
    assert isinstance(watching.exception(), PublisherBrokenError)


async def test_a_record_that_no_topic_takes_is_not_sent(kafka: str, topic_prefix: str) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events")
    async with publishing(kafka) as publisher:
        with pytest.raises(RecordTooLargeError):
            await publisher.publish([a_record(topic), a_record(topic, value=b"x" * 1_048_576)])
    assert await all_records(kafka, topic) == []


async def published(publisher: Publisher, record: Record) -> None:
    """Publish *record* as often as a busy machine needs to confirm it once."""
    async with asyncio.timeout(30):
        while True:
            with suppress(PublishTimeoutError):
                await publisher.publish([record])
                return


async def test_a_silent_kafka_is_an_error_at_the_deadline_and_no_loss_after_it(
    own_kafka: Callable[[], KafkaServer],
) -> None:
    server = own_kafka()
    topic = await a_topic(server.bootstrap_servers, "events", partitions=1)
    async with publishing(server.bootstrap_servers, deadline_s=1.0) as publisher:
        await published(publisher, a_record(topic, value=b"before"))
        async with frozen(server.pid):
            began = monotonic()
            with pytest.raises(PublishTimeoutError):
                await publisher.publish([a_record(topic, value=b"during")])
            assert 0.9 < monotonic() - began < 10
        await published(publisher, a_record(topic, value=b"during"))
    values = [found.value for found in await all_records(server.bootstrap_servers, topic)]
    assert list(dict.fromkeys(values)) == [b"before", b"during"]


async def test_without_kafka_publishing_fails_within_the_deadline_and_closing_is_quick(
    own_kafka: Callable[[], KafkaServer],
) -> None:
    server = own_kafka()
    topic = await a_topic(server.bootstrap_servers, "events", partitions=1)
    publisher = Publisher(
        KafkaAccess(bootstrap_servers=server.bootstrap_servers), client_id="test", deadline_s=1.0
    )
    await published(publisher, a_record(topic, value=b"before"))
    await asyncio.to_thread(server.kill)
    with pytest.raises(PublishTimeoutError):
        await publisher.publish([a_record(topic, value=b"during")])
    began = monotonic()
    await publisher.close()
    assert monotonic() - began < 11


async def test_a_publisher_that_never_reached_kafka_says_so() -> None:
    async with publishing("127.0.0.1:1") as publisher:
        with pytest.raises(KafkaUnavailableError):
            await publisher.start()
