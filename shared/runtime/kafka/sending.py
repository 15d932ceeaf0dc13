"""Hands records to a producer in whole batches and waits until all in-sync replicas have them.

aiokafka makes one future for each record, which costs more than all else that is done for it. Here
a partition has a lane: what is handed over while a batch of it is under way goes into the next one
together, whoever hands it over, and one future tells all of them. One task hands over the batches
of all lanes that are due, since a request of many events is spread over all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed
from aiokafka.structs import RecordMetadata

from shared.runtime.kafka.client import let_go
from shared.runtime.kafka.records import Landed, Record, partition_for


class Sender:
    """One producer and the lanes to its partitions; it goes when the producer goes."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer: Final = producer
        self._lanes: dict[str, list[_Lane]] = {}
        self._due: list[_Lane] = []
        self._handing: set[asyncio.Task[None]] = set()

    async def send(self, records: Sequence[Record]) -> list[Landed]:
        """Return where each of *records* is once all in-sync replicas have them, in their order.

        Records of one partition keep their order.

        Raises:
            aiokafka.errors.KafkaError: It is not known of any of them.
        """
        lanes = {topic: await self._to(topic) for topic in {record.topic for record in records}}
        put: list[tuple[int, _Batch, int]] = []
        for record in records:
            to = lanes[record.topic]
            lane = to[partition_for(record.key, len(to))]
            while (place := lane.put(record)) is None:
                await lane.room()
            put.append(place)
        for batch in {batch for _, batch, _ in put}:
            # One answer of Kafka tells most of them together.
            if not batch.first.done():
                await asyncio.shield(batch.first)
        return [Landed(partition, batch.first.result() + place) for partition, batch, place in put]

    async def stop(self) -> None:
        """Send what waits, as far as five seconds suffice, and leave; nobody waits after it."""
        lanes = [lane for to in self._lanes.values() for lane in to]
        drained = await let_go(asyncio.gather(*(lane.drained() for lane in lanes)))
        # Stopping flushes once more; where that is hopeless it would only take longer.
        await (stop(self.producer) if drained else _abandon(self.producer))
        for task in self._handing:
            task.cancel()
        for lane in lanes:
            lane.close()

    async def _to(self, topic: str) -> list[_Lane]:
        """Return the lanes to all partitions of *topic*, by their numbers."""
        count = len(await self.producer.partitions_for(topic))
        lanes = self._lanes.setdefault(topic, [])
        for partition in range(len(lanes), count):
            lanes.append(_Lane(self.producer, topic, partition, self._hand_over))
        return lanes

    def _hand_over(self, lane: _Lane) -> None:
        """Have *lane* hand over what fills, together with all that are due by then."""
        self._due.append(lane)
        if len(self._due) == 1:
            task = asyncio.create_task(self._hand_over_due())
            self._handing.add(task)
            task.add_done_callback(self._handing.discard)

    async def _hand_over_due(self) -> None:
        due, self._due = self._due, []
        for lane in due:
            await lane.hand_over()


def look_at(outcome: asyncio.Future[Any]) -> None:
    """Take note of an outcome that nobody waits for any more, or asyncio complains of it."""
    if not outcome.cancelled():
        outcome.exception()


async def stop(producer: AIOKafkaProducer) -> None:
    """End *producer*, within some seconds."""
    if not await let_go(producer.stop()):
        await _abandon(producer)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """End a producer that cannot send what it holds, and would try for as long as we live."""
    sending = producer._sender.sender_task  # noqa: SLF001  there is no public way
    if sending is not None:
        sending.cancel()
    # The first does nothing where stopping was tried before, the second nothing where it was not.
    await let_go(producer.stop())
    await let_go(producer.client.close())


class _Batch:
    """Records that go together, and the offset of the first of them once they have gone."""

    __slots__ = ("builder", "first")

    def __init__(self, builder: Any) -> None:
        self.builder: Final = builder
        self.first: Final[asyncio.Future[int]] = asyncio.get_running_loop().create_future()

    def gone(self, offset: int) -> None:
        """Tell those who wait where the first of them is."""
        if not self.first.done():
            self.first.set_result(offset)

    def failed(self, error: BaseException) -> None:
        """Tell those who wait that it is not known what became of them."""
        if not self.first.done():
            self.first.set_exception(error)
            # Whoever waited may have left by its deadline.
            look_at(self.first)


class _Lane:
    """What waits for one partition: a batch under way, and one that fills meanwhile.

    There are never more than these two, which bounds memory while Kafka is away.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        partition: int,
        tell_due: Callable[[_Lane], None],
    ) -> None:
        """Make the lane of a *partition*.

        Args:
            producer: What sends the batches.
            topic: The topic's full name.
            partition: The partition's number.
            tell_due: Has `hand_over` of a lane awaited soon.
        """
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._tell_due = tell_due
        self._filling: _Batch | None = None
        self._going: _Batch | None = None
        self._closed = False

    def put(self, record: Record) -> tuple[int, _Batch, int] | None:
        """Return the partition, the batch that *record* goes with, and its place in that.

        None while the batch is full.

        Raises:
            aiokafka.errors.ProducerClosed: The producer has gone.
        """
        if self._closed:
            raise ProducerClosed
        batch = self._filling
        if batch is None:
            batch = self._filling = _Batch(self._producer.create_batch())
            if self._going is None:
                self._tell_due(self)
        added = batch.builder.append(
            timestamp=None, key=record.key, value=record.value, headers=record.headers
        )
        return None if added is None else (self._partition, batch, added.offset)

    async def room(self) -> None:
        """Wait until the full batch has taken the place of the one under way."""
        if self._going is None:
            await asyncio.sleep(0)
        else:
            await asyncio.wait([self._going.first])

    async def hand_over(self) -> None:
        """Give the producer the batch that fills, in whose place the next one may fill."""
        batch, self._filling = self._filling, None
        if batch is None:
            return
        self._going = batch
        batch.builder.close()
        try:
            sent = await self._producer.send_batch(
                batch.builder, self._topic, partition=self._partition
            )
        except asyncio.CancelledError:
            batch.failed(ProducerClosed())
            raise
        except Exception as error:  # noqa: BLE001  those who wait for the batch raise it
            batch.failed(error)
            self._next()
        else:
            sent.add_done_callback(partial(self._arrived, batch))

    async def drained(self) -> None:
        """Return once nothing waits."""
        while (batch := self._going or self._filling) is not None:
            await asyncio.wait([batch.first])

    def close(self) -> None:
        """Give up what has not gone."""
        self._closed = True
        for batch in (self._going, self._filling):
            if batch is not None:
                batch.failed(ProducerClosed())

    def _arrived(self, batch: _Batch, sent: asyncio.Future[RecordMetadata]) -> None:
        if sent.cancelled():
            batch.failed(ProducerClosed())
        elif (error := sent.exception()) is not None:
            batch.failed(error)
        else:
            batch.gone(sent.result().offset)
        self._next()

    def _next(self) -> None:
        self._going = None
        if self._filling is not None and not self._closed:
            self._tell_due(self)
