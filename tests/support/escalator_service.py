"""The escalator for tests: in this process, or as a process of its own to be killed."""

import asyncio
import json
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2
from pydantic_core import from_json
from sqlalchemy import text

from services.escalator.api import routes
from services.escalator.api_policies import History, policy_routes
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from services.escalator.memory import Memory
from services.escalator.policies import Policies
from services.escalator.tables import SCHEMA
from services.escalator.ticker import Ticker
from services.escalator.worker import Worker
from shared.contract.envelope import encode, headers
from shared.contract.events import TicketEvent
from shared.contract.policies import MAX_POLICY_BYTES
from shared.contract.times import Instant, instant
from shared.contract.topics import POLICIES, TICKET_EVENTS, TIER_CHANGES
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database
from shared.runtime.health import service_app
from shared.runtime.kafka import ConsumeOptions, Publisher, Record, consume
from shared.runtime.migrations import migrate
from shared.runtime.outbox import Relay
from shared.runtime.progress import Progress
from shared.runtime.settings import KafkaAccess
from tests.support.consuming import until
from tests.support.kafka_topics import a_topic, all_records

POLICY = load_policy_file(DEFAULT_POLICY)
"""The policy that ships with Tierline."""

TIMELINE = PolicyTimeline([(Instant(0), POLICY)])
"""It, in force from the beginning."""

PARTITIONS = 3


@dataclass(frozen=True)
class Stage:
    """What an escalator under test stands on: its topics, its schema, its clock."""

    kafka: str
    prefix: str
    database_url: str
    clock: Clock = field(default_factory=Clock)

    @property
    def events(self) -> str:
        """The topic that the escalator reads."""
        return f"{self.prefix}{TICKET_EVENTS}"

    @property
    def policies(self) -> str:
        """The topic of activated policies."""
        return f"{self.prefix}{POLICIES}"

    @property
    def decisions(self) -> str:
        """The topic that the escalator writes."""
        return f"{self.prefix}{TIER_CHANGES}"

    @property
    def environ(self) -> dict[str, str]:
        """What a process is told of it."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "DATABASE_URL": self.database_url,
            "TIERLINE_TOPIC_PREFIX": self.prefix,
            "TIERLINE_CLOCK_SPEED": repr(self.clock.speed),
            "TIERLINE_CLOCK_OFFSET_S": repr(self.clock.offset_s),
        }

    def open(self, *, pool_size: int = 8) -> Database:
        """Return the escalator's schema."""
        return open_database(
            self.database_url, schema=SCHEMA, clock=self.clock, pool_size=pool_size
        )


async def a_stage(kafka: str, prefix: str, database_url: str, clock: Clock | None = None) -> Stage:
    """Make topics of few partitions and an up-to-date schema."""
    stage = Stage(kafka, prefix, database_url, clock or Clock())
    await a_topic(kafka, stage.events, partitions=PARTITIONS)
    await a_topic(kafka, stage.decisions, partitions=PARTITIONS)
    await a_topic(kafka, stage.policies, partitions=1)
    await migrate(database_url, [SCHEMA])
    return stage


def at(moment: str, *, speed: float = 1.0) -> Clock:
    """Return the clock that shows *moment* just now."""
    return Clock.starting(datetime.fromisoformat(moment), speed=speed)


@dataclass
class Escalator:
    """An escalator in this process, its parts to be run or stepped at will."""

    stage: Stage
    database: Database
    publisher: Publisher
    worker: Worker
    ticker: Ticker
    relay: Relay
    policies: Policies
    client: httpx2.AsyncClient

    async def consume(self, stop: asyncio.Event, *, group: bool = False) -> None:
        """Read events: all partitions at once, or a share of the group's."""
        everything = None if group else {self.stage.events: range(PARTITIONS)}
        await consume(
            [self.stage.events],
            self.worker.handle,
            access=KafkaAccess(bootstrap_servers=self.stage.kafka),
            progress=Progress(self.database),
            options=ConsumeOptions(
                group=f"{self.stage.prefix}escalator",
                assignment=everything,
                caught_up_every_s=0.1,
                session_timeout_s=6.0,
            ),
            stop=stop,
        )

    async def follow_policies(self, stop: asyncio.Event) -> None:
        """Read the topic of activated policies."""
        await consume(
            [self.stage.policies],
            self.policies.handle,
            access=KafkaAccess(bootstrap_servers=self.stage.kafka),
            progress=Progress(self.database),
            options=ConsumeOptions(
                group=f"{self.stage.prefix}policies",
                assignment={self.stage.policies: [0]},
                sparse=frozenset({self.stage.policies}),
                caught_up_every_s=0.1,
            ),
            stop=stop,
        )


@asynccontextmanager
async def an_escalator(
    stage: Stage, *, allowance: timedelta = timedelta(0), max_hold_s: float = 120.0
) -> AsyncIterator[Escalator]:
    """Wire an escalator of which nothing runs yet."""
    async with stage.open() as database:
        wake, memory = asyncio.Event(), Memory(1000)
        policies = Policies(database, stage.policies, DEFAULT_POLICY)
        publisher = Publisher(KafkaAccess(bootstrap_servers=stage.kafka), client_id="test")
        app = service_app("escalator", ready=_ready, max_body_bytes=MAX_POLICY_BYTES)
        app.include_router(routes(database, policies))
        app.include_router(policy_routes(History(database, policies)))
        transport = httpx2.ASGITransport(app=app)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(publisher.close)
            client = await stack.enter_async_context(
                httpx2.AsyncClient(transport=transport, base_url="http://escalator")
            )
            yield Escalator(
                stage,
                database,
                publisher,
                Worker(database, policies, memory, allowance, wake),
                Ticker(
                    database,
                    policies,
                    memory,
                    stage.events,
                    stage.clock.speed,
                    timedelta(seconds=max_hold_s),
                    wake,
                ),
                Relay(database, publisher, stage.decisions, wake, poll_s=0.05),
                policies,
                client,
            )


@asynccontextmanager
async def escalating(
    stage: Stage, *, group: bool = False, **options: Any
) -> AsyncIterator[Escalator]:
    """Run a whole escalator meanwhile."""
    async with an_escalator(stage, **options) as escalator:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(escalator.follow_policies(stop))
            await escalator.policies.settle(stop)
            tasks.create_task(escalator.relay.run(stop))
            tasks.create_task(escalator.ticker.run(stop))
            tasks.create_task(escalator.consume(stop, group=group))
            try:
                yield escalator
            finally:
                stop.set()


async def _ready() -> Mapping[str, bool]:
    return {}


@dataclass(frozen=True)
class Running:
    """An escalator as a process of its own."""

    process: asyncio.subprocess.Process
    said: list[str]


@asynccontextmanager
async def escalator_process(
    stage: Stage, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    """Run an escalator as a process on a free port; it is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.escalator",
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "ESCALATOR_HTTP_PORT": "0",
            # No waiting for a group to notice that somebody was killed.
            "ESCALATOR_SHARE": "all",
            "TIERLINE_DRAIN_DELAY_S": "0",
            **stage.environ,
            **(environ or {}),
        },
    )
    said: list[str] = []
    reading = asyncio.create_task(_listen(process, said))
    try:
        yield Running(process, said)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def port_of(running: Running, *, within_s: float = 30.0) -> int:
    """Return the port that the process listens on, once it does."""

    async def listens() -> bool:
        return any('"listening"' in line for line in running.said)

    await until(listens, within_s=within_s)
    line = next(line for line in running.said if '"listening"' in line)
    return int(json.loads(line)["port"])


async def _listen(process: asyncio.subprocess.Process, said: list[str]) -> None:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        said.append(line.decode())


async def post(stage: Stage, events: Iterable[TicketEvent]) -> None:
    """Put *events* into the log as intake does, each where its ticket's key says."""
    publisher = Publisher(KafkaAccess(bootstrap_servers=stage.kafka), client_id="test-intake")
    try:
        await publisher.publish(
            [Record(stage.events, one.ticket.encode(), encode(one), headers(one)) for one in events]
        )
    finally:
        await publisher.close()


async def until_taken(database: Database, count: int, *, within_s: float = 45.0) -> None:
    """Wait until *count* records of events are applied and every decision is published."""

    async def taken() -> bool:
        async with database.transaction() as conn:
            applied = await conn.execute(
                text(
                    "SELECT coalesce(sum(next_offset), 0) FROM progress"
                    " WHERE topic LIKE '%tickets.events'"
                )
            )
            waiting = await conn.execute(
                text("SELECT count(*) FROM outbox WHERE published_at IS NULL AND dead_at IS NULL")
            )
            return int(applied.scalar_one()) >= count and waiting.scalar_one() == 0

    await until(taken, within_s=within_s)


async def until_time(database: Database, moment: str) -> None:
    """Wait until nothing that was due by *moment* is left to be done."""

    async def over() -> bool:
        async with database.transaction() as conn:
            found = await conn.execute(
                text(
                    "SELECT clock() >= CAST(:at AS timestamptz) AND NOT EXISTS"
                    " (SELECT FROM ticket_state WHERE due_at <= CAST(:at AS timestamptz))"
                ),
                {"at": datetime.fromisoformat(moment)},
            )
            return bool(found.scalar_one())

    await until(over)


Decisions = dict[str, list[dict[str, Any]]]


async def published(stage: Stage) -> Decisions:
    """Return what is on the topic, by ticket, byte-identical repeats dropped.

    Fails where two records of one id differ, or where a ticket's versions are not 1, 2, 3, ….
    """
    first: dict[str, bytes] = {}
    found: Decisions = defaultdict(list)
    for record in await all_records(stage.kafka, stage.decisions):
        assert record.value is not None
        event = from_json(record.value)
        if event["id"] in first:
            assert first[event["id"]] == record.value
            continue
        first[event["id"]] = record.value
        found[event["subject"]].append(event)
    for ticket, decisions in found.items():
        versions = [one["data"]["version"] for one in decisions]
        assert versions == list(range(1, len(versions) + 1)), f"{ticket}: {versions}"
    return dict(found)


def numbered(events: Iterable[TicketEvent]) -> list[TicketEvent]:
    """Return *events* in the order of receipt, each with an id of its own."""
    ordered = sorted(events, key=lambda one: one.receivedat or one.time)
    return [one.model_copy(update={"id": f"e{n}"}) for n, one in enumerate(ordered)]


def simulated(
    events: Iterable[TicketEvent], until_: str, policies: PolicyTimeline | None = None
) -> Decisions:
    """Return what the engine alone decides on *events* up to *until_*, by ticket."""
    return _run(events, instant(datetime.fromisoformat(until_)), policies)


def simulated_each(events: Iterable[TicketEvent]) -> Decisions:
    """Return what the engine alone decides on each ticket up to its last event, by ticket."""
    by_ticket: dict[str, list[TicketEvent]] = defaultdict(list)
    for one in events:
        by_ticket[one.ticket].append(one)
    found: Decisions = {}
    for own in by_ticket.values():
        found |= _run(own, None, None)
    return found


def _run(
    events: Iterable[TicketEvent], until_: Instant | None, policies: PolicyTimeline | None
) -> Decisions:
    run = Simulation(policies or TIMELINE)
    found: Decisions = defaultdict(list)
    for one in run.run(events, until_):
        found[one.ticket].append(from_json(encode_decision(one)))
    return dict(found)


def without_lateness(decisions: Decisions) -> Decisions:
    """Return *decisions* without how late each was made."""
    return {
        ticket: [{**one, "data": {**one["data"], "late_by_s": 0}} for one in sorted_]
        for ticket, sorted_ in decisions.items()
    }


def of_type(decisions: Decisions, kind: str) -> list[dict[str, Any]]:
    """Return all decisions of type *kind*, of all tickets."""
    return [one for made in decisions.values() for one in made if one["type"] == kind]


async def ask(database: Database, question: str, **given: Any) -> Any:
    """Return the one value that the SQL *question* yields."""
    async with database.transaction() as conn:
        return (await conn.execute(text(question), given)).scalar_one()
