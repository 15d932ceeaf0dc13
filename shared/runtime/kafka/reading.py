"""A topic read from its beginning to its present end, by nobody's group and changing nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.runtime.kafka.admin import KafkaUnavailableError, describe_topic
from shared.runtime.kafka.client import START_S, client_options, let_go
from shared.runtime.kafka.records import Incoming, incoming
from shared.runtime.settings import KafkaAccess

_POLL_MS = 200


async def read_all(access: KafkaAccess, topic: str) -> AsyncIterator[Incoming]:
    """Yield every record that *topic* (its full name) holds now, each partition in order.

    Raises:
        TopicMissingError: There is none.
        KafkaUnavailableError: No broker answers, or Kafka refuses.
    """
    shape = await describe_topic(access, topic)
    partitions = [TopicPartition(topic, number) for number in range(shape.partitions)]
    consumer = AIOKafkaConsumer(
        **client_options(access), auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        async with asyncio.timeout(START_S):
            await consumer.start()
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        starts = await consumer.beginning_offsets(partitions)
        left = {one for one in partitions if starts[one] < ends[one]}
        while left:
            for one, records in (await consumer.getmany(*left, timeout_ms=_POLL_MS)).items():
                for record in records:
                    if record.offset < ends[one]:
                        yield incoming(record)
            left = {one for one in left if await consumer.position(one) < ends[one]}
    except (KafkaError, OSError, TimeoutError) as error:
        msg = f"Kafka at {access.bootstrap_servers}: {error!r}"
        raise KafkaUnavailableError(msg) from error
    finally:
        await let_go(consumer.stop())
