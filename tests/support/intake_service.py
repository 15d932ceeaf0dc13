"""Intake for tests: in this process without a port, or as a process of its own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from services.intake import metrics
from services.intake.access import Access
from services.intake.acts import Acts, act_routes
from services.intake.api import ShortWay, routes
from services.intake.core.limits import MAX_BATCH_BYTES
from services.intake.events import Intake
from services.intake.foresight import Foresight
from services.intake.gate import Gate
from services.intake.hooks.api import hook_routes
from services.intake.hooks.hooks_file import Source, load_sources
from services.intake.hooks.latest import Latest
from services.intake.hooks.mappings import load_mappings
from services.intake.hooks.taking import Hooks
from services.intake.ingest import Ingest
from services.intake.keys_api import key_routes
from services.intake.policies import Policies
from services.intake.policies import routes as policy_routes
from services.intake.room import Room
from services.intake.tokens.verify import Tokens
from services.intake.uses import Uses
from shared.access.keys import KeyRing
from shared.runtime.buckets import Buckets
from shared.runtime.clock import Clock
from shared.runtime.health import service_app
from shared.runtime.kafka import Publisher
from shared.runtime.settings import KafkaAccess

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


@dataclass(frozen=True)
class Door:
    """How strict the intake under test is; `policies` is the topic of activations, if it has one."""

    keys: KeyRing | None = None
    deadline_s: float = 5.0
    max_in_flight: int = 500
    max_held_bytes: int = 32 * 1024 * 1024
    rate_per_s: float = 1e9
    rate_burst: float = 1e9
    clock: Clock = field(default_factory=Clock)
    long_way: bool = False
    sources: Mapping[str, Source] = field(
        default_factory=lambda: load_sources(None, load_mappings(), {})
    )
    refused_topic: str = ""
    policies: str | None = None
    tokens: Tokens | None = None
    escalator: httpx2.AsyncClient | None = None
    uses_topic: str | None = None


@asynccontextmanager
async def intake_here(
    kafka: str, topic: str, door: Door | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of an intake in this process that publishes to *topic*."""
    door = door or Door()
    publisher = Publisher(
        KafkaAccess(bootstrap_servers=kafka),
        client_id="test-intake",
        deadline_s=door.deadline_s,
    )

    async def ready() -> dict[str, bool]:
        return {"kafka": await publisher.answers(topic)}

    app = service_app("intake", ready=ready, max_body_bytes=MAX_BATCH_BYTES)
    uses = None
    if door.uses_topic is not None:
        uses = Uses(publisher, KafkaAccess(bootstrap_servers=kafka), door.uses_topic)
    shares = Buckets(door.rate_per_s, door.rate_burst)
    access = Access(door.keys, shares, tokens=door.tokens, uses=uses)
    gate = Gate(door.max_in_flight)
    ingest = Ingest(publisher, gate, topic)
    intake = Intake(access, ingest, door.clock.now)
    app.include_router(routes(intake))
    refused = Ingest(publisher, gate, door.refused_topic, counted=metrics.REFUSED_HOOKS)
    hooks = Hooks(door.sources, access, ingest, refused, Latest(), door.clock.now)
    app.include_router(hook_routes(hooks))
    drafts = Ingest(publisher, gate, topic, counted=metrics.DRAFTS)
    foresight = Foresight(door.escalator)
    app.include_router(act_routes(Acts(access, ingest, drafts, foresight, door.clock.now)))
    if uses is not None:
        app.include_router(key_routes(access, uses))
    if door.policies is not None:
        into = Ingest(publisher, Gate(door.max_in_flight), door.policies)
        access_to_kafka = KafkaAccess(bootstrap_servers=kafka)
        policies = Policies(access, into, access_to_kafka, door.policies, door.clock.now)
        app.include_router(policy_routes(policies))
    room = Room(app if door.long_way else ShortWay(app, intake), door.max_held_bytes)
    transport = httpx2.ASGITransport(app=room)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://intake", timeout=30
    ) as client:
        try:
            yield client
        finally:
            await publisher.close()


@dataclass(frozen=True)
class Running:
    """A service as a process of its own."""

    process: asyncio.subprocess.Process
    client: httpx2.AsyncClient


@asynccontextmanager
async def intake_process(
    environ: Mapping[str, str], *, log: list[str] | None = None
) -> AsyncIterator[Running]:
    """Run intake as a process that listens on a free port, and give a client of it.

    What it logs is put into *log*, whole once the process has ended.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.intake",
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "INTAKE_HTTP_PORT": "0",
            "INTAKE_ALLOW_ANONYMOUS": "true",
            "TIERLINE_DRAIN_DELAY_S": "0",
            **environ,
        },
    )
    try:
        port = await asyncio.wait_for(_port(process), 30)
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False
        ) as client:
            reading = asyncio.create_task(_read_on(process, log))
            yield Running(process, client)
            if log is not None:
                process.terminate()
                await reading
            reading.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    said = []
    while line := await process.stderr.readline():
        said.append(line.decode())
        if line.startswith(b"{") and (entry := json.loads(line))["event"] == "listening":
            return int(entry["port"])
    raise AssertionError("".join(said))


async def _read_on(process: asyncio.subprocess.Process, log: list[str] | None) -> None:
    """Keep the pipe of its log from filling up."""
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if log is not None:
            log.append(line.decode())
