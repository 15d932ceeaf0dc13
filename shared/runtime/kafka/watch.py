"""Looks at the log's ends: marks what is caught up, measures lag, notices when nothing moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

import structlog
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import KafkaError

from shared.contract.errors import TransientError
from shared.runtime.clock import monotonic, real_now
from shared.runtime.kafka.options import ConsumeOptions, ConsumerStuckError
from shared.runtime.progress import Look, Progress
from shared.runtime.telemetry import LAG, OLDEST

log = structlog.get_logger()

_GROUP_COMMIT_S = 1.0


class Watch:
    """The observer beside one consumer; `run` ends when it is cancelled or finds it stuck."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        owned: Callable[[], set[TopicPartition]],
        progress: Progress,
        options: ConsumeOptions,
    ) -> None:
        self._consumer = consumer
        self._owned = owned
        self._progress = progress
        self._options = options
        self._kept: dict[TopicPartition, Look] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._behind_since: dict[TopicPartition, float] = {}
        self._appended_at: dict[TopicPartition, float] = {}
        self._labelled: set[TopicPartition] = set()
        self._waiting_s = 0.0
        self._committed_at = 0.0
        self._seen_at = monotonic()

    def taken_up(self, partition: TopicPartition, appended_ms: int) -> None:
        """Note when the oldest record of *partition* that is being applied was appended."""
        self._appended_at[partition] = appended_ms / 1000

    def moved(self, partition: TopicPartition) -> None:
        """Note that a batch of *partition* was applied, or that things are away: not stuck."""
        self._appended_at.pop(partition, None)
        self._waiting_s = 0.0

    async def run(self) -> None:
        """Look every `ConsumeOptions.caught_up_every_s`; trouble with Kafka or database is skipped.

        Raises:
            ConsumerStuckError: Records wait, and none is applied for too long.
        """
        try:
            while True:
                try:
                    await self._look()
                except (KafkaError, TransientError, OSError, TimeoutError) as error:
                    self._waiting_s = 0.0
                    log.debug("no look at the log's ends", error=repr(error))
                await asyncio.sleep(self._options.caught_up_every_s)
        finally:
            self._forget(set(self._labelled))

    async def _look(self) -> None:
        owned = self._owned()
        self._forget(self._labelled - owned)
        if not owned:
            self._seen_at = monotonic()
            return
        # The order matters: what is in the log at `at` lies below the ends asked for after it.
        at = await self._progress.now()
        async with asyncio.timeout(5.0):
            ends = await self._consumer.end_offsets(list(owned))
        positions = await self._mark(at, ends)
        behind = self._measure(ends, positions)
        self._notice_standstill(positions, behind=behind)
        await self._tell_group(positions)

    async def _mark(
        self, at: datetime, ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        """Mark what is applied up to an end that was seen, and return all positions.

        A look is kept until its end is applied: in a log that never rests, the end of just now is
        always a little further than what is applied.
        """
        fresh = {one: Look(at, end) for one, end in ends.items()}
        recorded = await self._progress.caught_up(
            ((one.topic, one.partition), looks[one])
            for looks in (self._kept, fresh)
            for one in ends
            if one in looks
        )
        positions = {one: recorded[(one.topic, one.partition)] for one in ends}
        self._kept = {
            one: kept
            for one, look in fresh.items()
            if (kept := self._still_ahead(one, positions[one], look)) is not None
        }
        return positions

    def _still_ahead(self, one: TopicPartition, position: int, fresh: Look) -> Look | None:
        """Return the oldest look whose end is not applied yet."""
        kept = self._kept.get(one)
        looks = (fresh,) if kept is None else (kept, fresh)
        return next((look for look in looks if look.end > position), None)

    def _measure(
        self, ends: dict[TopicPartition, int], positions: dict[TopicPartition, int]
    ) -> bool:
        now_s = real_now().timestamp()
        behind = False
        for one, end in ends.items():
            lag = max(0, end - positions[one])
            if lag == 0:
                self._behind_since.pop(one, None)
                age = 0.0
            else:
                behind = True
                since = self._behind_since.setdefault(one, now_s)
                age = max(0.0, now_s - min(since, self._appended_at.get(one, since)))
            labels = (one.topic, str(one.partition))
            LAG.labels(*labels).set(lag)
            OLDEST.labels(*labels).set(age)
        self._labelled |= ends.keys()
        return behind

    def _forget(self, partitions: set[TopicPartition]) -> None:
        """Say no more of *partitions*: another instance does."""
        for one in partitions:
            for gauge in (LAG, OLDEST):
                gauge.remove(one.topic, str(one.partition))
            self._behind_since.pop(one, None)
            self._labelled.discard(one)

    def _notice_standstill(self, positions: dict[TopicPartition, int], *, behind: bool) -> None:
        now = monotonic()
        # A process that was stopped for long has not waited all that time.
        elapsed = min(now - self._seen_at, 2 * self._options.caught_up_every_s + 1)
        self._seen_at = now
        moved = positions != self._positions
        self._positions = positions
        self._waiting_s = self._waiting_s + elapsed if behind and not moved else 0.0
        if self._waiting_s > self._options.stuck_after_s:
            msg = f"records waited for {self._waiting_s:.0f} s and none was applied"
            raise ConsumerStuckError(msg)

    async def _tell_group(self, positions: dict[TopicPartition, int]) -> None:
        """Commit to the group, for graphs of lag only; whether it succeeds does not matter."""
        if not self._options.grouped:
            return
        if monotonic() - self._committed_at < _GROUP_COMMIT_S:
            return
        self._committed_at = monotonic()
        still = self._owned()
        offsets = {
            one: OffsetAndMetadata(offset, "") for one, offset in positions.items() if one in still
        }
        if offsets:
            with suppress(KafkaError, TimeoutError, ValueError):
                async with asyncio.timeout(5.0):
                    await self._consumer.commit(offsets)
