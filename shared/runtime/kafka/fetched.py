"""Records that were fetched and wait to be handed over: those of all partitions in step.

Kafka hands out one partition's records after another's. After an outage that would be an hour of one
partition and then the same hour of the next, and whatever is counted over several tickets would hear
of most of them late. So the earliest of all come first, as they did when they were appended.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

Records: TypeAlias = Sequence[ConsumerRecord[Any, Any]]
Polled: TypeAlias = Mapping[TopicPartition, Records]
"""Records by partition, each in its order."""


class Fetched:
    """What waits, by partition, each in its order."""

    def __init__(self) -> None:
        self._waiting: dict[TopicPartition, deque[ConsumerRecord[Any, Any]]] = {}

    def keep(self, polled: Polled) -> None:
        """Let what was *polled* wait."""
        for partition, records in polled.items():
            self._waiting.setdefault(partition, deque()).extend(records)

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget what waits of *partitions*: it is fetched again, or is another's to take."""
        for partition in partitions:
            self._waiting.pop(partition, None)

    def count(self, partition: TopicPartition) -> int:
        """Return how many records of *partition* wait."""
        return len(self._waiting.get(partition, ()))

    def earliest(self, most: int, behind: Collection[TopicPartition]) -> Polled:
        """Take the earliest records of all partitions, at most *most*, and return them.

        No later than where nothing waits any more of a partition of which Kafka holds more
        (*behind*), since what comes next of it may be earlier.
        """
        heads = [
            (waiting[0].timestamp, partition)
            for partition, waiting in self._waiting.items()
            if waiting
        ]
        heapq.heapify(heads)
        taken: dict[TopicPartition, list[ConsumerRecord[Any, Any]]] = {}
        left = most
        while heads and left:
            _, partition = heads[0]
            waiting = self._waiting[partition]
            taken.setdefault(partition, []).append(waiting.popleft())
            left -= 1
            if waiting:
                heapq.heapreplace(heads, (waiting[0].timestamp, partition))
            elif partition in behind:
                break
            else:
                heapq.heappop(heads)
        return taken
