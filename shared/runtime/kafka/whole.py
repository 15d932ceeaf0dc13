"""A small topic, read from its beginning to its present end, by whoever keeps nothing."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.runtime.kafka.admin import KafkaUnavailableError
from shared.runtime.kafka.client import client_options, let_go
from shared.runtime.kafka.records import Incoming, incoming
from shared.runtime.settings import KafkaAccess

_POLL_MS: Final = 200


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
            return await _read(consumer, TopicPartition(topic, 0))
    except (KafkaError, OSError, TimeoutError) as error:
        msg = f"Kafka at {access.bootstrap_servers}: {error!r}"
        raise KafkaUnavailableError(msg) from error
    finally:
        await let_go(consumer.stop())


async def _read(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[Incoming]:
    consumer.assign([partition])
    start = (await consumer.beginning_offsets([partition]))[partition]
    end = (await consumer.end_offsets([partition]))[partition]
    consumer.seek(partition, start)
    found: list[Incoming] = []
    while await consumer.position(partition) < end:
        for records in (await consumer.getmany(partition, timeout_ms=_POLL_MS)).values():
            found += map(incoming, records)
    return found
