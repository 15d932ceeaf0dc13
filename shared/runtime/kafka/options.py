"""How to consume, and what can stop it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shared.runtime.kafka.records import Batch

Share = Literal["group", "all"]
Handle = Callable[[Batch], Awaitable[None]]
"""Applies one batch; it locks, checks and advances ``progress`` itself (`shared.runtime.progress`).

A `TransientError` has the batch handed over again from the position of record. Any other error ends
the process: what cannot be applied for itself must be parked by the handler.
"""


class ConsumerStuckError(RuntimeError):
    """Records wait, but none was applied for long: the process must end and be started anew."""


@dataclass(frozen=True, slots=True)
class ConsumeOptions:
    """How to consume.

    Attributes:
        group: The consumer group, which spreads partitions over the instances.
        assignment: Partitions by full topic name, for a fixed share instead of the group's;
            several workers may hold the same ones, and stay right.
        share: ``all`` takes every partition, whoever else does, without waiting for a group;
            ``group`` what the group gives us.
        max_records: The most records of a batch.
        in_step: Hand records over in the order in which they were appended, over all partitions:
            for whoever counts over several keys. Without, a partition's come together, which is
            cheaper to apply.
        poll_s: How long to wait for records before looking round, real seconds.
        caught_up_every_s: How often partitions applied up to their end are marked so, and lag is
            measured, real seconds; timers that wait for input wait up to this long.
        stuck_after_s: Real seconds of records waiting with none applied, after which the process
            ends, to be started anew.
        sparse: Full names of compacted topics, whose offsets have holes; a hole in any other
            topic is lost data.
        session_timeout_s: After this silence the group gives our partitions to others.
    """

    group: str
    assignment: Mapping[str, Sequence[int]] | None = None
    share: Share = "group"
    max_records: int = 500
    in_step: bool = False
    poll_s: float = 0.2
    caught_up_every_s: float = 1.0
    stuck_after_s: float = 60.0
    sparse: frozenset[str] = field(default_factory=frozenset)
    session_timeout_s: float = 15.0

    @property
    def grouped(self) -> bool:
        """Whether the group decides which partitions are ours."""
        return self.assignment is None and self.share == "group"
