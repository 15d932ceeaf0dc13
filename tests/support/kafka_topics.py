"""Topics for tests, and what lies in them."""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord

from shared.runtime.kafka import create_topic, describe_topic
from shared.runtime.settings import KafkaAccess


async def a_topic(
    kafka: str, name: str, *, partitions: int = 3, config: Mapping[str, str] | None = None
) -> str:
    """Make the topic *name* and return the name."""
    await create_topic(
        KafkaAccess(bootstrap_servers=kafka),
        name,
        partitions=partitions,
        replicas=1,
        config={"message.timestamp.type": "LogAppendTime", **(config or {})},
    )
    return name


async def write(
    kafka: str, topic: str, values: Sequence[bytes], *, key: bytes | None = None, partition: int = 0
) -> None:
    """Write *values* to one partition, in order, with a client that is not ours."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=5)
    await producer.start()
    try:
        futures = [
            await producer.send(topic, value, key=key, partition=partition) for value in values
        ]
        await asyncio.gather(*futures)
    finally:
        await producer.stop()


async def all_records(kafka: str, topic: str) -> list[ConsumerRecord[bytes | None, bytes | None]]:
    """Return everything that *topic* holds now, each partition in order."""
    shape = await describe_topic(KafkaAccess(bootstrap_servers=kafka), topic)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(shape.partitions)]
        consumer.assign(partitions)
        starts = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        for one in partitions:
            consumer.seek(one, starts[one])
        found = []
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        await consumer.stop()
