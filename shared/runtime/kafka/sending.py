"""Hands records to a producer and waits until all in-sync replicas have them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from shared.runtime.kafka.records import Landed, Record, partition_for

# So many fill batches by themselves; fewer share theirs with what others publish meanwhile.
_MANY: Final = 200


async def send(producer: AIOKafkaProducer, records: Sequence[Record]) -> list[Landed]:
    """Return where each of *records* is once all in-sync replicas have them, in their order.

    Raises:
        aiokafka.errors.KafkaError: It is not known of any of them.
    """
    sent: list[asyncio.Future[Any]] = []
    try:
        if len(records) < _MANY:
            return await _one_by_one(producer, records, sent)
        return await _in_batches(producer, records, sent)
    except BaseException:
        for future in sent:
            future.add_done_callback(look_at)
        raise


def look_at(sent: asyncio.Future[Any]) -> None:
    """Take note of an outcome that nobody waits for any more, or asyncio complains of it."""
    if not sent.cancelled():
        sent.exception()


async def _one_by_one(
    producer: AIOKafkaProducer, records: Sequence[Record], sent: list[asyncio.Future[Any]]
) -> list[Landed]:
    counts = {topic: len(await producer.partitions_for(topic)) for topic in _topics(records)}
    for record in records:
        place = partition_for(record.key, counts[record.topic])
        sent.append(
            await producer.send(
                record.topic, record.value, record.key, partition=place, headers=record.headers
            )
        )
    # One after the other: what is acknowledged by then costs nothing more.
    return [Landed(one.partition, one.offset) for one in [await future for future in sent]]


async def _in_batches(
    producer: AIOKafkaProducer, records: Sequence[Record], sent: list[asyncio.Future[Any]]
) -> list[Landed]:
    """Do the same with one future for each batch; one for each record costs more than all else."""
    listed: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    partitions = {topic: await producer.partitions_for(topic) for topic in _topics(records)}
    for number, record in enumerate(records):
        place = partition_for(record.key, len(partitions[record.topic]))
        listed[record.topic, place].append(number)
    shares: list[tuple[int, list[int]]] = []
    for (topic, partition), numbers in listed.items():
        for batch, share in _batches(producer, records, numbers):
            # The batches of a partition go one after the other, and so records keep their order.
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            shares.append((partition, share))
    landed: dict[int, Landed] = {}
    firsts = await asyncio.gather(*sent)
    for first, (partition, share) in zip(firsts, shares, strict=True):
        for offset, number in enumerate(share, start=first.offset):
            landed[number] = Landed(partition, offset)
    return [landed[number] for number in range(len(records))]


def _batches(
    producer: AIOKafkaProducer, records: Sequence[Record], numbers: Sequence[int]
) -> Iterator[tuple[Any, list[int]]]:
    """Yield full batches of the records *numbers*, each with the numbers of what is in it."""
    batch, share = producer.create_batch(), list[int]()
    for number in numbers:
        if not _added(batch, records[number]):
            yield batch, share
            batch, share = producer.create_batch(), []
            _added(batch, records[number])  # the first always fits
        share.append(number)
    batch.close()  # nobody's records are waited for
    yield batch, share


def _added(batch: Any, record: Record) -> bool:
    added = batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
    return added is not None


def _topics(records: Sequence[Record]) -> set[str]:
    return {record.topic for record in records}
