"""The new tables filled from the topics, by this process or by several at a time.

All that is said of a ticket lies in partitions of one number. So whoever fills takes all topics of
one partition in step, and writes the row of a ticket once for everything that was said of it in a
stretch of time: that, and a process for each core, is what makes filling faster than listening.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from typing import Final

import uvloop

from services.tracker.core.message import KIND_OF_TOPIC
from services.tracker.store_rebuild import NEXT, Places, known_before
from services.tracker.worker import Worker
from shared.contract.errors import Reason, TransientError
from shared.runtime.clock import Clock
from shared.runtime.collecting import collect_seldom
from shared.runtime.database import Database, open_database
from shared.runtime.kafka import Batch, Incoming, StaleDataError, StretchReader, stretch_reader
from shared.runtime.settings import KafkaAccess
from shared.runtime.telemetry import configure_logging

_PATIENCE_S: Final = 3600.0
"""So long may the server work on a statement, or wait for us to make the next of a stretch."""

_AT_ONCE: Final = 20_000
"""Records of all topics together that are taken in with one transaction; they are held in memory."""

_COLLECT_AFTER: Final = 10_000_000
"""New objects after which garbage in cycles is looked for: a stretch is made of a million, and goes
by itself; to look at it each time took a fifth of all."""

Tell = Callable[[int], None]
"""Called with how many more records are applied."""


class BrokenOffError(TransientError):
    """A process that filled was ended, by lack of memory for example; what it wrote is whole."""

    reason = Reason.HANDLER_CRASHED


@dataclass(frozen=True, slots=True)
class Source:
    """Where everything is, and how it is counted.

    Attributes:
        url: The database, as the owner of its schemas.
        kafka: How to reach Kafka.
        topics: The registry's names by full name.
        clock: Speed and offset.
        late_after_s: A decision made more virtual seconds after its effective time is late.
    """

    url: str
    kafka: KafkaAccess
    topics: Mapping[str, str]
    clock: Clock
    late_after_s: float

    def opened(self, schema: str) -> Database:
        """Return the tables in *schema*; nothing is connected yet."""
        return open_database(
            self.url,
            schema=schema,
            clock=self.clock,
            pool_size=5,
            statement_timeout_s=_PATIENCE_S,
            idle_timeout_s=_PATIENCE_S,
        )


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills the new tables in this process.

    Attributes:
        database: The new tables.
        readers: Of each topic, by its full name.
        worker: Takes in what they read.
    """

    database: Database
    readers: Mapping[str, StretchReader]
    worker: Worker

    async def fill(self, since: Places, until: Places, tell: Tell) -> None:
        """Apply everything from *since* up to *until*, one partition after the other.

        Raises:
            StaleDataError: Kafka no longer holds all of it.
            TransientError: Kafka or PostgreSQL is away; what is applied is recorded.
        """
        for number in sorted({partition for _, partition in until}):
            streams = [
                reader.read({number: since[topic, number]}, {number: until[topic, number]})
                for topic, reader in self.readers.items()
                if (topic, number) in until
            ]
            async for batches in _stretches(streams):
                await self.worker.handle_together(batches)
                tell(sum(len(batch.records) for batch in batches))


@asynccontextmanager
async def filler(source: Source) -> AsyncIterator[Filler]:
    """Give what fills the new tables from *source*.

    Raises:
        KafkaUnavailableError: Kafka is away.
    """
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(source.opened(NEXT))
        readers = {
            topic: await stack.enter_async_context(stretch_reader(source.kafka, topic))
            for topic in source.topics
        }
        kinds = {full: KIND_OF_TOPIC[name] for full, name in source.topics.items()}
        worker = Worker(database, kinds, source.late_after_s, known=known_before)
        yield Filler(database, readers, worker)


async def fill_together(
    source: Source, processes: int, since: Places, until: Places, tell: Tell
) -> None:
    """Do what `Filler.fill` does in so many *processes*, each with partitions of its own.

    Raises:
        StaleDataError: Kafka no longer holds all of it.
        TransientError: Kafka or PostgreSQL is away, or a process was ended.
    """
    shares = [
        {place: end for place, end in until.items() if place[1] % processes == n}
        for n in range(processes)
    ]
    with _started(source, since, [share for share in shares if share]) as started:
        try:
            async with asyncio.TaskGroup() as listening:
                for process, pipe in started:
                    listening.create_task(_listen(process, pipe, tell))
        except BaseExceptionGroup as group:
            # The others were ended over the first.
            raise group.exceptions[0] from None


@contextmanager
def _started(
    source: Source, since: Places, shares: Iterable[Places]
) -> Iterator[list[tuple[BaseProcess, Pipe]]]:
    context = get_context("spawn")
    started: list[tuple[BaseProcess, Pipe]] = []
    try:
        for until in shares:
            here, there = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(
                target=_fill_share, args=(source, since, until, there), daemon=True
            )
            process.start()
            there.close()
            started.append((process, here))
        yield started
    finally:
        for process, pipe in started:
            process.terminate()
            process.join()
            pipe.close()


async def _listen(process: BaseProcess, pipe: Pipe, tell: Tell) -> None:
    while True:
        await _readable(pipe)
        try:
            said: int | TransientError | StaleDataError = pipe.recv()
        except EOFError:
            process.join()
            if process.exitcode != 0:
                msg = f"a process that filled the tables ended with {process.exitcode}"
                raise BrokenOffError(msg) from None
            return
        if not isinstance(said, int):
            raise said
        tell(said)


async def _readable(pipe: Pipe) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(pipe.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(pipe.fileno())


def _fill_share(source: Source, since: Places, until: Places, out: Pipe) -> None:
    """Fill in a process of its own, and tell *out* how many more records are applied, or the error."""
    # Ctrl-C reaches every process of a terminal; whoever started us ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_logging("rebuild", "text")
    collect_seldom(_COLLECT_AFTER)

    async def fill() -> None:
        async with filler(source) as here:
            await here.fill(since, until, out.send)

    # Who is not listened to any more has nothing to do.
    with suppress(BrokenPipeError):
        try:
            uvloop.run(fill())
        except (TransientError, StaleDataError) as error:
            out.send(error)


async def _stretches(streams: Iterable[AsyncIterator[Batch]]) -> AsyncIterator[list[Batch]]:
    """Yield what *streams* hold in stretches of time: a batch of each topic that has something."""
    taken: dict[str, list[Incoming]] = {}
    async for batch in _in_step(streams):
        taken.setdefault(batch.topic, []).extend(batch.records)
        if sum(map(len, taken.values())) >= _AT_ONCE:
            yield [Batch(topic, records) for topic, records in taken.items()]
            taken = {}
    if taken:
        yield [Batch(topic, records) for topic, records in taken.items()]


async def _in_step(streams: Iterable[AsyncIterator[Batch]]) -> AsyncIterator[Batch]:
    """Yield the batches of all *streams*, always the one that begins earliest."""
    next_ones = [
        (first, stream) for stream in streams if (first := await anext(stream, None)) is not None
    ]
    while next_ones:
        earliest = min(range(len(next_ones)), key=lambda n: next_ones[n][0].records[0].timestamp)
        batch, stream = next_ones.pop(earliest)
        yield batch
        following = await anext(stream, None)
        if following is not None:
            next_ones.append((following, stream))
