"""What goes to Kafka and what comes from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from aiokafka.partitioner import murmur2
from aiokafka.structs import ConsumerRecord

# A ticket's records come in company; the sum over a key costs more than all else about it.
_REMEMBERED: Final = 16_384


class Record(NamedTuple):
    """One record to publish.

    Attributes:
        topic: The topic's full name, prefix included.
        key: The ticket key, UTF-8; it chooses the partition.
        value: The event; None deletes on a compacted topic.
        headers: Kafka headers.
    """

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Landed(NamedTuple):
    """Where all in-sync replicas have a published record."""

    partition: int
    offset: int


class Incoming(NamedTuple):
    """One record read.

    Attributes:
        partition: The partition's number.
        offset: Its place in the partition.
        key: Its key; None if it was written without one.
        value: Its value; None for a tombstone.
        headers: Its Kafka headers.
        timestamp: When the broker appended it: milliseconds since 1970-01-01T00:00:00Z.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic: by partition, and there in the order of their offsets.

    Whatever came together is applied together, in one transaction, so that many partitions with
    few records each cost no more than one with all of them.

    Attributes:
        topic: The topic's full name, prefix included.
        records: At most `ConsumeOptions.max_records` of them.
    """

    topic: str
    records: list[Incoming]

    @property
    def next_offsets(self) -> dict[int, int]:
        """The position of each partition once the whole batch is applied."""
        return {record.partition: record.offset + 1 for record in self.records}

    def beyond(self, positions: Mapping[int, int]) -> Batch:
        """Return what is not applied yet where *positions* come next; there may be nothing left.

        Only that may move a position: another worker may be further than this batch.
        """
        left = [one for one in self.records if one.offset >= positions[one.partition]]
        return Batch(self.topic, left)

    def one_by_one(self) -> Iterator[Batch]:
        """Yield each record as a batch of its own."""
        return (Batch(self.topic, [record]) for record in self.records)


def incoming(record: ConsumerRecord[bytes | None, bytes | None]) -> Incoming:
    """Return *record* as the handlers take it."""
    return Incoming(
        record.partition,
        record.offset,
        record.key,
        record.value,
        tuple(record.headers),
        record.timestamp,
    )


@lru_cache(maxsize=_REMEMBERED)
def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition that a record with *key* goes to: murmur2, as Kafka's Java client."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
