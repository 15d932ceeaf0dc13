"""One Kafka consumer's life: checked, assigned, read, and left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError
from aiokafka.structs import ConsumerRecord
from typing_extensions import override

from shared.contract.errors import TransientError
from shared.runtime.clock import backoff_s, monotonic
from shared.runtime.kafka.client import START_S, client_options, let_go
from shared.runtime.kafka.fetched import Fetched, Polled
from shared.runtime.kafka.options import ConsumeOptions, Handle
from shared.runtime.kafka.records import Batch, incoming
from shared.runtime.kafka.start_check import check_topics
from shared.runtime.kafka.watch import Watch
from shared.runtime.progress import Progress, StaleDataError
from shared.runtime.settings import KafkaAccess
from shared.runtime.telemetry import BATCH_SECONDS, RECORDS, RETRIES
from shared.runtime.tracing import applying

log = structlog.get_logger()

# While a fetch waits at the broker, partitions that were just read are not part of it.
_FETCH_WAIT_MS: Final = 100
_PATIENCE_S: Final = 5.0


class Session:
    """One consumer, from its start to the first trouble that a new one may not have."""

    def __init__(
        self,
        topics: Sequence[str],
        handle: Handle,
        access: KafkaAccess,
        progress: Progress,
        options: ConsumeOptions,
        stop: asyncio.Event,
    ) -> None:
        self._topics = topics
        self._handle = handle
        self._access = access
        self._progress = progress
        self._options = options
        self._stop = stop
        self._owned: set[TopicPartition] = set()
        self._unplaced: set[TopicPartition] = set()
        self._next: dict[TopicPartition, int] = {}
        self._fetched = Fetched()
        self._silent: set[TopicPartition] = set()
        self._failures = 0
        self._consumer = AIOKafkaConsumer(**self._consumer_options())
        self._watch = Watch(self._consumer, self._placed, progress, options)

    async def run(self) -> None:
        """Read until told to stop.

        Raises:
            KafkaError: This consumer is of no more use.
            StaleDataError: What is recorded is not what Kafka holds.
            ConsumerStuckError: Records wait and nothing moves.
        """
        try:
            async with asyncio.timeout(START_S):
                await self._consumer.start()
            await check_topics(self._topics, self._consumer, self._access, self._progress)
            await self._join()
            await _first_to_end(self._read(), self._watch.run())
        finally:
            await let_go(self._consumer.stop())

    async def _read(self) -> None:
        while not self._stop.is_set():
            await self._turn()

    def _consumer_options(self) -> dict[str, Any]:
        return {
            **client_options(self._access),
            "client_id": f"tierline-{self._options.group}",
            "group_id": self._options.group if self._options.grouped else None,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "isolation_level": "read_committed",
            "session_timeout_ms": round(self._options.session_timeout_s * 1000),
            "heartbeat_interval_ms": round(self._options.session_timeout_s * 1000 / 5),
            "rebalance_timeout_ms": 30_000,
            "max_poll_interval_ms": 300_000,
            "max_partition_fetch_bytes": 4 * 1024 * 1024,
            "fetch_max_wait_ms": _FETCH_WAIT_MS,
        }

    async def _join(self) -> None:
        if self._options.grouped:
            self._consumer.subscribe(list(self._topics), listener=_Listener(self))
            return
        if self._options.assignment is None:
            # What has just been checked: a row for every partition there is.
            recorded = await self._progress.positions(self._topics)
            share = [TopicPartition(topic, number) for topic, number in recorded]
        else:
            share = [
                TopicPartition(topic, number)
                for topic, numbers in self._options.assignment.items()
                for number in numbers
            ]
        self._consumer.assign(share)
        self.assigned(share)

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Own *partitions*: none of their records is handed over before its place is known."""
        taken = set(partitions)
        self._fetched.drop(taken)
        self._consumer.pause(*taken)
        self._owned |= taken
        self._unplaced |= taken

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Own *partitions* no more."""
        gone = set(partitions)
        self._fetched.drop(gone)
        self._owned -= gone
        self._unplaced -= gone

    def _placed(self) -> set[TopicPartition]:
        return self._owned - self._unplaced

    async def _turn(self) -> None:
        """Place what is new, fetch, and hand over what came."""
        try:
            if self._unplaced:
                await self._place()
            taken = await (self._in_step() if self._options.in_step else self._poll())
            for topic in self._topics:
                await self._hand_over(topic, taken)
        except TransientError as error:
            await self._step_back(error)

    async def _in_step(self) -> Polled:
        """Fetch, and return what is earliest of all partitions."""
        behind = await self._fetch()
        return self._fetched.earliest(self._options.max_records, behind)

    async def _fetch(self) -> set[TopicPartition]:
        """Fetch until something waits of each partition of which Kafka holds more.

        One that gives nothing for long, its leader away perhaps, is waited for no more until it
        does. Return the partitions of which Kafka holds more than was fetched.
        """
        # Each is kept filled for a batch, or the one that runs out would cut every batch short.
        low = [
            one for one in self._placed() if self._fetched.count(one) < self._options.max_records
        ]
        idle = not any(map(self._fetched.count, self._placed()))
        until = monotonic() + _PATIENCE_S
        polled = await self._poll(self._options.poll_s if idle else 0.0, low) if low or idle else {}
        while True:
            self._fetched.keep(polled)
            self._silent -= polled.keys()
            behind = await self._behind() - self._silent
            lacking = [one for one in behind if not self._fetched.count(one)]
            if not lacking or self._stop.is_set():
                return behind
            if (left := until - monotonic()) <= 0:
                self._silent.update(lacking)
                return behind - self._silent
            polled = await self._poll(min(left, self._options.poll_s), lacking)

    async def _behind(self) -> set[TopicPartition]:
        """Return the partitions of which Kafka holds more than was fetched, as far as is known."""
        behind = set()
        for one in self._placed() & self._consumer.assignment():
            end = self._consumer.last_stable_offset(one)
            if end is None or await self._consumer.position(one) < end:
                behind.add(one)
        return behind

    async def _poll(self, wait_s: float | None = None, of: Sequence[TopicPartition] = ()) -> Polled:
        wait_s = self._options.poll_s if wait_s is None else wait_s
        try:
            polled: Polled = await self._consumer.getmany(
                *of,
                timeout_ms=round(wait_s * 1000),
                max_records=self._options.max_records * max(1, len(of)),
            )
        except NoOffsetForPartitionError:
            # The group remembers nothing of a partition that was just assigned; we place it.
            self._fetched.drop(self._owned)
            self._unplaced |= self._owned
            return {}
        return polled

    async def _place(self) -> None:
        """Seek the unplaced partitions to their positions of record, and let them flow."""
        recorded = await self._progress.positions(self._topics)
        for partition in sorted(self._unplaced & self._owned):
            position = recorded.get((partition.topic, partition.partition))
            if position is None:
                msg = (
                    f"{partition.topic} has got a new partition {partition.partition} while it was"
                    " read. A ticket's events are in order only within one partition, so the"
                    " number must not change; restore the topic as it was."
                )
                raise StaleDataError(msg)
            self._consumer.seek(partition, position)
            self._consumer.resume(partition)
            self._next[partition] = position
            self._unplaced.discard(partition)
            self._watch.moved(partition)

    async def _hand_over(self, topic: str, polled: Polled) -> None:
        """Hand over what came of *topic* and is still ours."""
        placed = self._placed()
        taken = {one: polled[one] for one in sorted(polled) if one.topic == topic and one in placed}
        if not taken:
            return
        for partition, records in taken.items():
            self._refuse_hole(partition, records)
            self._watch.taken_up(partition, records[0].timestamp)
        began = monotonic()
        batch = Batch(topic, [incoming(one) for records in taken.values() for one in records])
        with applying(topic, ((one.key, one.headers) for one in batch.records)):
            await self._handle(batch)
        BATCH_SECONDS.labels(topic).observe(monotonic() - began)
        RECORDS.labels(topic).inc(len(batch.records))
        for partition, records in taken.items():
            self._next[partition] = records[-1].offset + 1
            self._watch.moved(partition)
        self._failures = 0

    def _refuse_hole(
        self, partition: TopicPartition, records: Sequence[ConsumerRecord[Any, Any]]
    ) -> None:
        if partition.topic in self._options.sparse:
            return
        expected = self._next[partition]
        first, last = records[0].offset, records[-1].offset
        if first != expected or last - first + 1 != len(records):
            msg = (
                f"{partition.topic}, partition {partition.partition}: expected"
                f" {expected} to {last}, got {len(records)} records from {first}. The topic is"
                " never compacted and written without transactions, so records are missing."
                " Restore the topic before anything more is applied."
            )
            raise StaleDataError(msg)

    async def _step_back(self, error: TransientError) -> None:
        """Pause everything, wait while still polling for the group's sake, then place anew."""
        self._failures += 1
        pause = backoff_s(self._failures)
        for topic in {one.topic for one in self._owned}:
            RETRIES.labels(topic, error.reason).inc()
        log.warning("batch put back", why=error.reason, error=str(error), in_s=pause)
        self.assigned(self._owned)
        until = monotonic() + pause
        while (left := until - monotonic()) > 0 and not self._stop.is_set():
            # Everything is paused, so nothing comes; a partition gained meanwhile is paused too.
            await self._poll(min(left, self._options.poll_s))


class _Listener(ConsumerRebalanceListener):
    """Pauses first and does nothing else: no heartbeat is sent while it runs."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @override
    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Give up what goes to others."""
        self._session.revoked(revoked)

    @override
    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take what is ours, paused."""
        self._session.assigned(assigned)


async def _first_to_end(*routines: Coroutine[Any, Any, None]) -> None:
    """Run *routines* until one returns or raises; then cancel the others and do as it did."""
    tasks = [asyncio.create_task(routine) for routine in routines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in ended:
        task.result()
