"""Topics read by whoever is no service: from the beginning, without a group, leaving no trace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.runtime.kafka.admin import KafkaUnavailableError, describe_topic
from shared.runtime.kafka.client import client_options, let_go
from shared.runtime.kafka.records import Incoming, incoming
from shared.runtime.settings import KafkaAccess

_POLL_MS: Final = 200


@dataclass(slots=True)
class Reader:
    """The records of one topic, all partitions, in the order in which Kafka hands them out."""

    consumer: AIOKafkaConsumer
    partitions: Sequence[TopicPartition]

    async def present(self) -> AsyncIterator[list[Incoming]]:
        """Yield batches until everything that the topic held at the first call has been read."""
        ends = await self.consumer.end_offsets(self.partitions)
        while True:
            left = [one for one in ends if await self.consumer.position(one) < ends[one]]
            if not left:
                return
            yield await self.more(*left)

    async def more(self, *of: TopicPartition, wait_ms: int = _POLL_MS) -> list[Incoming]:
        """Return what comes within *wait_ms*, of the partitions *of* or of all; maybe nothing."""
        found = await self.consumer.getmany(*of, timeout_ms=wait_ms)
        return [incoming(record) for records in found.values() for record in records]


@asynccontextmanager
async def reading(access: KafkaAccess, topic: str) -> AsyncIterator[Reader]:
    """Give a reader at the beginning of *topic* (its full name).

    It joins no group and commits nothing, so no service notices it.

    Raises:
        TopicMissingError: There is no such topic.
        KafkaUnavailableError: Kafka is away, or goes away.
    """
    shape = await describe_topic(access, topic)
    consumer = AIOKafkaConsumer(**client_options(access), auto_offset_reset="earliest")
    try:
        await consumer.start()
        partitions = [TopicPartition(topic, number) for number in range(shape.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        yield Reader(consumer, partitions)
    except (KafkaError, OSError, TimeoutError) as error:
        msg = f"Kafka at {access.bootstrap_servers}: {error!r}"
        raise KafkaUnavailableError(msg) from error
    finally:
        await let_go(consumer.stop())
