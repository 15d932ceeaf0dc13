"""A stretch of a topic, read from given places up to given ends and no further."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.runtime.kafka.admin import KafkaUnavailableError
from shared.runtime.kafka.client import client_options, let_go
from shared.runtime.kafka.records import Batch, incoming
from shared.runtime.progress import LogBounds, StaleDataError
from shared.runtime.settings import KafkaAccess

__all__ = ["StretchReader", "stretch_reader"]

_POLL_MS: Final = 200
_AT_ONCE: Final = 1000
_FETCH_BYTES: Final = 4 * 1024 * 1024


class StretchReader:
    """Reads stretches of one topic, without a group and without a position of its own."""

    def __init__(self, topic: str, consumer: AIOKafkaConsumer) -> None:
        self._topic = topic
        self._consumer = consumer

    async def bounds(self, partitions: int) -> dict[int, LogBounds]:
        """Return what Kafka holds of the first *partitions* partitions.

        Raises:
            KafkaUnavailableError: Kafka is away.
        """
        places = [TopicPartition(self._topic, number) for number in range(partitions)]
        try:
            starts = await self._consumer.beginning_offsets(places)
            ends = await self._consumer.end_offsets(places)
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaUnavailableError(repr(error)) from error
        return {one.partition: LogBounds(starts[one], ends[one]) for one in places}

    async def read(
        self, since: Mapping[int, int], until: Mapping[int, int]
    ) -> AsyncIterator[Batch]:
        """Yield the records from *since* up to, not including, *until*, in batches.

        Raises:
            StaleDataError: Kafka no longer holds all of them.
            KafkaUnavailableError: Kafka is away.
        """
        left = {
            TopicPartition(self._topic, number): end
            for number, end in until.items()
            if since[number] < end
        }
        if not left:
            return
        try:
            self._consumer.assign(list(left))
            for one in left:
                self._consumer.seek(one, since[one.partition])
            expected = {one: since[one.partition] for one in left}
            while left:
                polled = await self._consumer.getmany(
                    *left, timeout_ms=_POLL_MS, max_records=_AT_ONCE
                )
                taken = []
                for one, records in polled.items():
                    if records and records[0].offset != expected[one]:
                        raise _hole(one, expected[one], records[0].offset)
                    taken += [incoming(record) for record in records if record.offset < left[one]]
                    if records:
                        expected[one] = records[-1].offset + 1
                if taken:
                    yield Batch(self._topic, taken)
                left = {one: end for one, end in left.items() if expected[one] < end}
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaUnavailableError(repr(error)) from error


@asynccontextmanager
async def stretch_reader(access: KafkaAccess, topic: str) -> AsyncIterator[StretchReader]:
    """Give a reader of *topic* (its full name).

    Raises:
        KafkaUnavailableError: Kafka is away.
    """
    consumer = AIOKafkaConsumer(
        **client_options(access),
        auto_offset_reset="none",
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        try:
            await consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            msg = f"Kafka at {access.bootstrap_servers}: {error!r}"
            raise KafkaUnavailableError(msg) from error
        yield StretchReader(topic, consumer)
    finally:
        await let_go(consumer.stop())


def _hole(place: TopicPartition, expected: int, found: int) -> StaleDataError:
    msg = (
        f"{place.topic}, partition {place.partition}: the records {expected} to {found - 1} are"
        " gone. What is read now would not be all that was read then; restore them from a backup."
    )
    return StaleDataError(msg)
