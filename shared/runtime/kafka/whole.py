"""A small topic, read from its beginning to its present end, by whoever keeps nothing."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.runtime.kafka.admin import KafkaUnavailableError
from shared.runtime.kafka.client import client_options, let_go
from shared.runtime.kafka.reading import Reader
from shared.runtime.kafka.records import Incoming
from shared.runtime.settings import KafkaAccess


async def read_whole(access: KafkaAccess, topic: str, *, within_s: float = 10.0) -> list[Incoming]:
    """Return all that partition 0 of *topic* (its full name) holds now, in order.

    Meant for topics of one partition and few records.

    Raises:
        KafkaUnavailableError: It could not be read within *within_s* seconds.
    """
    # Without a group: what is read here is nobody's position.
    consumer = AIOKafkaConsumer(**client_options(access), auto_offset_reset="earliest")
    try:
        async with asyncio.timeout(within_s):
            await consumer.start()
            partition = TopicPartition(topic, 0)
            consumer.assign([partition])
            starts = await consumer.beginning_offsets([partition])
            consumer.seek(partition, starts[partition])
            reader = Reader(consumer, [partition])
            return [record async for batch in reader.present() for record in batch]
    except (KafkaError, OSError, TimeoutError) as error:
        msg = f"Kafka at {access.bootstrap_servers}: {error!r}"
        raise KafkaUnavailableError(msg) from error
    finally:
        await let_go(consumer.stop())
