"""How soon everybody who listens to the tracker hears of an event, and what a listener costs.

    python -m tests.bench.bench_stream [--listeners N] [--events N] [--json]

The tracker is a process of its own with real Kafka and PostgreSQL. An event is published, and every
listener has to hear of it before the next one is; the time runs from before it is published. The
baseline is a bare application that tells as many listeners the same text out of its own memory, by
the same libraries: what HTTP alone takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import httpx2
import psutil
import uvloop

from shared.runtime.clock import monotonic
from shared.runtime.migrations import migrate
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics
from tests.bench.bench_intake import server
from tests.bench.servers import servers
from tests.support.ticket_events import opened
from tests.support.tracker_stream import event_said, publish

LISTENERS: Final = 500
EVENTS: Final = 20


class Listeners:
    """Connections that count how often they heard of an event."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def on(self, port: int, count: int) -> AsyncIterator[None]:
        """Listen *count* times at *port*; all are told from the start."""
        ready = [asyncio.Event() for _ in range(count)]
        self._tasks = [asyncio.create_task(self._listen(port, one)) for one in ready]
        try:
            for one in ready:
                await one.wait()
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def all_heard(self, tell: Callable[[], Awaitable[None]]) -> list[float]:
        """Return after how many seconds each listener heard what *tell* tells."""
        self.times = []
        began = monotonic()
        await tell()
        while len(self.times) < len(self._tasks):
            self._changed.clear()
            await self._changed.wait()
        return [at - began for at in self.times]

    async def _listen(self, port: int, ready: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v1/stream HTTP/1.1\r\nhost: bench\r\n\r\n")
        try:
            while line := await reader.readline():
                if line == b"event: place\n":
                    ready.set()
                elif line == b"event: event\n":
                    self.times.append(monotonic())
                    self._changed.set()
        finally:
            writer.close()


def memory_of(module: str) -> float:
    """Return the kilobytes that our process of *module* holds."""
    (process,) = [one for one in psutil.Process().children() if module in one.cmdline()]
    return float(process.memory_info().rss) / 1024


async def measured(
    module: str, port: int, tell: Callable[[int], Awaitable[None]], listeners: int, events: int
) -> dict[str, float]:
    """Return when the listeners of *module* at *port* heard what *tell* told, and what each costs."""
    everybody = Listeners()
    async with everybody.on(port, 1):
        await everybody.all_heard(lambda: tell(0))
        before = memory_of(module)
    times: list[float] = []
    async with everybody.on(port, listeners):
        for number in range(1, events + 1):
            times += await everybody.all_heard(lambda number=number: tell(number))  # type: ignore[misc]
        after = memory_of(module)
    return {
        "median_ms": round(statistics.median(times) * 1000, 1),
        "last_ms": round(max(times) * 1000, 1),
        "kilobytes_each": round((after - before) / listeners, 1),
    }


async def measure(kafka: str, url: str, listeners: int, events: int) -> dict[str, Any]:
    """Return the tracker's figures and the baseline's."""
    prefix = f"bench-{secrets.token_hex(4)}."
    await create_topics(KafkaAccess(bootstrap_servers=kafka), prefix=prefix, replicas=1)
    await migrate(url)
    environ = {
        "PATH": os.environ["PATH"],
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "DATABASE_URL": url,
        "TIERLINE_TOPIC_PREFIX": prefix,
        "TIERLINE_DRAIN_DELAY_S": "0",
        "TRACKER_HTTP_PORT": "0",
        "TRACKER_RATE_PER_S": "100000",
        "TRACKER_RATE_BURST": "100000",
        "TRACKER_SHARE": "all",
    }
    said = [
        event_said(opened("2026-03-02T10:00:00Z", ticket=f"T{number}", title="The router is slow"))
        for number in range(events + 1)
    ]
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(server("services.tracker", environ))
        bare = await stack.enter_async_context(server("tests.bench.bare_stream", environ))
        client = await stack.enter_async_context(httpx2.AsyncClient())

        async def published(number: int) -> None:
            await publish(kafka, prefix, [said[number]])

        async def posted(number: int) -> None:
            await client.post(f"http://127.0.0.1:{bare}/say", content=said[number].value)

        mine = await measured("services.tracker", ours, published, listeners, events)
        theirs = await measured("tests.bench.bare_stream", bare, posted, listeners, events)
    return {
        "listeners": listeners,
        "events": events,
        "tracker": mine,
        "baseline": theirs,
        "ratio": round(theirs["last_ms"] / mine["last_ms"], 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listeners", type=int, default=LISTENERS, help="who listens at once")
    parser.add_argument("--events", type=int, default=EVENTS, help="events, one after the other")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    with servers() as (kafka, url):
        found = uvloop.run(measure(kafka, url, given.listeners, given.events))
    if given.json:
        sys.stdout.write(f"{json.dumps(found)}\n")
        return
    ours, bare = found["tracker"], found["baseline"]
    sys.stdout.write(
        f"stream, {found['listeners']} listeners, {found['events']} events: all hear of one within"
        f" {ours['last_ms']} ms of its publishing (median {ours['median_ms']} ms; goal 1,000 ms),"
        f" {ours['kilobytes_each']} kB a listener; baseline, HTTP alone: {bare['last_ms']} ms"
        f" (median {bare['median_ms']} ms), {bare['kilobytes_each']} kB,"
        f" ratio {found['ratio']:.3f}\n"
    )


if __name__ == "__main__":
    main()
