"""The tracker for tests: in this process without Kafka, or as a process of its own."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from sqlalchemy import text

from cli.embedded.ports import free_ports
from services.tracker.access import Access
from services.tracker.acting import intake_at
from services.tracker.api import routes
from services.tracker.api_drafts import draft_routes
from services.tracker.api_reasons import reasons
from services.tracker.api_stream import streaming
from services.tracker.core.message import KIND_OF_TOPIC
from services.tracker.dashboard.assets import asset_routes
from services.tracker.dashboard.pages import pages
from services.tracker.dashboard.site import Site
from services.tracker.desk import Desk
from services.tracker.explaining import escalator_at
from services.tracker.reviews import Reviews, review_routes
from services.tracker.store_reading import ReadModel
from services.tracker.stream import Stream
from services.tracker.watchdog import Watchdog
from services.tracker.worker import Worker
from shared.access.keys import KeyRing
from shared.contract.topics import PARTITIONS
from shared.runtime.buckets import Buckets
from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database
from shared.runtime.health import serve, service_app
from shared.runtime.kafka import Batch, Incoming, partition_for
from shared.runtime.migrations import migrate
from shared.runtime.progress import LogBounds, Progress
from tests.support.tracker_stream import Said

TABLES = ("ticket", "timeline", "notice", "tally", "dead_letter")
TOPICS = {name: name for name in KIND_OF_TOPIC}


@dataclass(frozen=True)
class Tracker:
    """A tracker in this process: *take* stands for its consumers."""

    database: Database
    worker: Worker
    client: httpx2.AsyncClient

    async def take(self, records: Iterable[Said], *, together: int = 500) -> None:
        """Take *records* in, in batches of up to *together* of one partition."""
        waiting: dict[tuple[str, int], list[Said]] = {}
        for one in records:
            place = (one.topic, partition_for(one.ticket.encode(), PARTITIONS))
            waiting.setdefault(place, []).append(one)
            if len(waiting[place]) == together:
                await self._take(*place, waiting.pop(place))
        for place, left in waiting.items():
            await self._take(*place, left)

    async def take_together(self, records: Iterable[Said]) -> None:
        """Take *records* of all topics in with one transaction, as a rebuild does."""
        next_offsets: Counter[tuple[str, int]] = Counter()
        batches: dict[str, Batch] = {}
        for one in records:
            key = one.ticket.encode()
            place = (one.topic, partition_for(key, PARTITIONS))
            batch = batches.setdefault(one.topic, Batch(one.topic, []))
            batch.records.append(
                Incoming(place[1], next_offsets[place], key, one.value, tuple(one.headers), 0)
            )
            next_offsets[place] += 1
        await self.worker.handle_together(list(batches.values()))

    async def _take(self, topic: str, partition: int, records: list[Said]) -> None:
        start = (await Progress(self.database).positions([topic]))[topic, partition]
        incoming = [
            Incoming(partition, start + n, one.ticket.encode(), one.value, tuple(one.headers), 0)
            for n, one in enumerate(records)
        ]
        await self.worker.handle(Batch(topic, incoming))

    async def get(self, path: str, **params: Any) -> Any:
        """Return the JSON that is answered with 200."""
        answer = await self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def tracker_here(url: str, clock: Clock | None = None) -> AsyncIterator[Tracker]:
    """Give a tracker on a fresh schema of the database at *url*."""
    await migrate(url, ["tracker"])
    async with (
        open_database(url, schema="tracker", clock=clock or Clock()) as database,
        asking(database) as client,
    ):
        for topic in TOPICS:
            bounds = {number: LogBounds(0, 0) for number in range(PARTITIONS)}
            await Progress(database).check(topic, "test", bounds)
        yield Tracker(database, Worker(database, kinds=KIND_OF_TOPIC, late_after_s=1.0), client)


@asynccontextmanager
async def asking(
    database: Database,
    escalator_url: str | None = None,
    *,
    keys: KeyRing | None = None,
    rate: float = 1e6,
    intake_url: str | None = None,
    reviews: Path | None = None,
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the API and the pages over *database*, the escalator at *escalator_url*."""
    access = Access(keys, Buckets(rate, rate))
    async with application(database, access, escalator_url, intake_url, reviews) as (app, _):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://tracker") as client:
            yield client


@asynccontextmanager
async def listening(
    database: Database,
    escalator_url: str | None = None,
    intake_url: str | None = None,
    reviews: Path | None = None,
) -> AsyncIterator[str]:
    """Give the address at which the API and the pages over *database* are really served."""
    access, stop, (port,) = Access(None, Buckets(1e6, 1e6)), asyncio.Event(), free_ports(1)
    async with application(database, access, escalator_url, intake_url, reviews) as (app, stream):
        serving = asyncio.create_task(
            serve(app, host="127.0.0.1", port=port, stop=stop, drain_delay_s=0)
        )
        telling = asyncio.create_task(stream.run(stop))
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            stop.set()
            await asyncio.gather(serving, telling)


@asynccontextmanager
async def application(
    database: Database,
    access: Access,
    escalator_url: str | None,
    intake_url: str | None,
    reviews: Path | None = None,
) -> AsyncIterator[tuple[FastAPI, Stream]]:
    """Give the application as the process wires it, and its stream."""
    model = ReadModel(database, TOPICS, 1.0)
    desk = Desk(model, stats_age_s=0.0, late_after_s=1.0)
    stream = Stream(model)
    watchdog = Watchdog(model, grace_s=8.0)
    app = service_app("tracker", ready=_ready)
    async with escalator_at(escalator_url) as escalator, intake_at(intake_url) as intake:
        app.include_router(streaming(stream, access))
        app.include_router(reasons(escalator, access))
        app.include_router(draft_routes(desk, access))
        shown = Reviews(reviews)
        app.include_router(review_routes(shown, access))
        app.include_router(routes(desk, access, watchdog))
        site = Site(
            desk,
            escalator,
            intake,
            timedelta(seconds=15),
            1.0,
            watchdog,
            has_handbook=True,
            reviews=shown,
        )
        app.include_router(pages(site, access))
        app.include_router(asset_routes(site.assets))
        yield app, stream


async def _ready() -> Mapping[str, bool]:
    return {}


@dataclass(frozen=True)
class Running:
    """A tracker as a process of its own."""

    process: asyncio.subprocess.Process
    client: httpx2.AsyncClient

    async def get(self, path: str, **params: Any) -> Any:
        """Return the JSON that is answered with 200."""
        answer = await self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def starting_tracker(
    environ: Mapping[str, str],
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the tracker as a process, whether it comes up or not."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.tracker",
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "TRACKER_HTTP_PORT": "0",
            "TRACKER_STATS_AGE": "PT0.01S",
            "TIERLINE_DRAIN_DELAY_S": "0",
            **environ,
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def tracker_process(environ: Mapping[str, str]) -> AsyncIterator[Running]:
    """Run the tracker as a process that listens on a free port, and give a client of it."""
    async with starting_tracker(environ) as process:
        port = await asyncio.wait_for(_port(process), 30)
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False
        ) as client:
            reading = asyncio.create_task(_read_on(process))
            yield Running(process, client)
            reading.cancel()


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    said = []
    while line := await process.stderr.readline():
        said.append(line.decode())
        if line.startswith(b"{") and (entry := json.loads(line))["event"] == "listening":
            return int(entry["port"])
    raise AssertionError("".join(said))


async def _read_on(process: asyncio.subprocess.Process) -> None:
    """Keep the pipe of its log from filling up."""
    assert process.stderr is not None
    while await process.stderr.readline():
        pass


async def tables(database: Database, *, but: Mapping[str, frozenset[str]]) -> dict[str, list[Any]]:
    """Return every table's rows in a settled order, without the columns that *but* names."""
    found: dict[str, list[Any]] = {}
    async with database.transaction() as conn:
        for name in TABLES:
            left_out = but.get(name, frozenset())
            rows = (await conn.execute(text(f"SELECT * FROM {name}"))).mappings().all()  # noqa: S608
            kept = [{k: v for k, v in row.items() if k not in left_out} for row in rows]
            found[name] = sorted(kept, key=lambda row: json.dumps(row, default=str))
    return found


def added_up(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return *found* with the sums over all partitions: which one holds a part is chance."""
    sums: Counter[tuple[str, str]] = Counter()
    for one in found["tally"]:
        sums[one["what"], one["label"]] += one["n"]
    return {**found, "tally": [(*key, n) for key, n in sorted(sums.items()) if n]}
