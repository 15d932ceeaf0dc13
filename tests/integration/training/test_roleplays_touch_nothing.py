"""A role-play beside real servers leaves them as they were: topics, tables and metrics."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from cli.mail_sink import MailSink
from cli.roleplay.library import TRAINING
from cli.stack import Stack
from shared.runtime.clock import Clock, real_now
from tests.support.consuming import until
from tests.support.house import ROOT
from tests.support.whole_system import Site, post, running

LOOKS: Final = 4
REPORT: Final = {
    "title": "Nobody can log in",
    "severity": "S1",
    "affected_users": 40,
    "requester": "ann",
}


async def offsets(kafka: str, prefix: str) -> dict[str, dict[int, int]]:
    """Return where every partition of every topic ends."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await admin.start()
    await consumer.start()
    try:
        found = {}
        names = [one for one in await admin.list_topics() if one.startswith(prefix)]
        for topic in await admin.describe_topics(names):
            places = [
                TopicPartition(topic["topic"], one["partition"]) for one in topic["partitions"]
            ]
            ends = await consumer.end_offsets(places)
            found[topic["topic"]] = {place.partition: end for place, end in ends.items()}
        return found
    finally:
        await consumer.stop()
        await admin.close()


async def rows(database: str) -> dict[str, int]:
    """Return how many rows every table has."""
    connection = await asyncpg.connect(database)
    try:
        names = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return {
            one["name"]: await connection.fetchval(f"SELECT count(*) FROM {one['name']}")  # noqa: S608  names of the catalogue
            for one in names
        }
    finally:
        await connection.close()


async def counted(metrics: str) -> list[str]:
    """Return what a service has counted of events, decisions and deliveries."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(metrics)
    return [
        one
        for one in answer.text.splitlines()
        if one.startswith("tierline_") and "_total" in one.partition(" ")[0]
    ]


@dataclass
class World:
    """A running system that has one case, and has told people of it."""

    stack: Stack
    kafka: str
    database: str
    prefix: str

    async def standing(self) -> dict[str, Any]:
        """Return how everything stands: topics, tables, and what each service has counted."""
        found = {
            name: await counted(f"{self.stack.url(name)}/metrics") for name in self.stack.services
        }
        return {
            **found,
            "topics": await offsets(self.kafka, self.prefix),
            "tables": await rows(self.database),
        }

    async def at_rest(self) -> dict[str, Any]:
        """Return how everything stands once nothing of it has changed for some looks."""
        looks = deque([await self.standing()], maxlen=LOOKS)

        async def resting() -> bool:
            looks.append(await self.standing())
            return len(looks) == LOOKS and all(one == looks[0] for one in looks)

        await until(resting)
        return looks[0]


@pytest.fixture
async def world(
    kafka: str, database: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[World]:
    mail: list[EmailMessage] = []
    site = Site(tmp_path, kafka, database, topic_prefix)
    async with (
        MailSink(tmp_path / "mail.mbox", mail.append) as sink,
        httpx2.AsyncClient(trust_env=False, timeout=30) as client,
        running(site.plan(sink.variables)) as stack,
    ):
        # Time stands, so that nothing falls due while it is looked at.
        await stack.serve(Clock.starting(real_now(), speed=1e-6))
        await post(client, stack, id="e1", type="ticket.opened", data=REPORT)

        async def told() -> bool:
            return "Tier 3 on call <t3-oncall@example.org>" in {one["To"] for one in mail}

        await until(told)
        yield World(stack, kafka, database, topic_prefix)


async def test_topics_rows_and_metrics_are_the_same_before_and_after(world: World) -> None:
    before = await world.at_rest()
    assert all(before.values())
    script = TRAINING / "scripts" / "R04-perfect.yaml"
    words = ["roleplay", "run", "R04", "--script", str(script)]
    named = {
        "KAFKA_BOOTSTRAP_SERVERS": world.kafka,
        "DATABASE_URL": world.database,
        "TIERLINE_TOPIC_PREFIX": world.prefix,
    }
    child = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("tierline"), *words, cwd=ROOT, env={**os.environ, **named},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await child.communicate()
    assert child.returncode == 0
    assert b"100 of 100 points, passed" in out
    assert await world.standing() == before
