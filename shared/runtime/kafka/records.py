"""What goes to Kafka and what comes from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from aiokafka.partitioner import murmur2


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
        offset: Its place in the partition.
        key: Its key; None if it was written without one.
        value: Its value; None for a tombstone.
        headers: Its Kafka headers.
        timestamp: When the broker appended it: milliseconds since 1970-01-01T00:00:00Z.
    """

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in the order of their offsets, at least one.

    Attributes:
        topic: The topic's full name, prefix included.
        partition: The partition's number.
        records: At most `ConsumeOptions.max_records` of them.
    """

    topic: str
    partition: int
    records: list[Incoming]

    @property
    def next_offset(self) -> int:
        """The position once the whole batch is applied."""
        return self.records[-1].offset + 1


def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition that a record with *key* goes to: murmur2, as Kafka's Java client."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
