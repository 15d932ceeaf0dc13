"""Before anything is read: is this Kafka the one that the database was filled from?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.runtime.kafka.admin import cluster_id, describe_topic
from shared.runtime.progress import LogBounds, Progress, StaleDataError
from shared.runtime.settings import KafkaAccess

# A broker that has just restarted may for a moment show less than it holds.
_TRIES: Final = 4
_PAUSE_S: Final = 1.0


async def check_topics(
    topics: Sequence[str], consumer: AIOKafkaConsumer, access: KafkaAccess, progress: Progress
) -> None:
    """Hold what is recorded of *topics* against Kafka; record what was never seen before.

    Raises:
        StaleDataError: They differ, and still do after a few seconds.
        TopicMissingError: A topic is not there (yet).
        KafkaUnavailableError: Kafka is away.
        DatabaseUnavailableError: The database is away.
    """
    cluster = await cluster_id(access)
    for topic in topics:
        for remaining in reversed(range(_TRIES)):
            log = await _bounds(topic, consumer, access)
            try:
                await progress.check(topic, cluster, log)
                break
            except StaleDataError:
                if not remaining:
                    raise
            await asyncio.sleep(_PAUSE_S)


async def _bounds(
    topic: str, consumer: AIOKafkaConsumer, access: KafkaAccess
) -> dict[int, LogBounds]:
    shape = await describe_topic(access, topic)
    partitions = [TopicPartition(topic, number) for number in range(shape.partitions)]
    starts = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    return {one.partition: LogBounds(starts[one], ends[one]) for one in partitions}
