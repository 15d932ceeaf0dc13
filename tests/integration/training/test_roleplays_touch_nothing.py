"""A role-play beside real servers leaves them as they were: topics, tables and metrics."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import httpx2
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from cli.roleplay.library import TRAINING
from shared.runtime.clock import Clock
from tests.support.house import ROOT
from tests.support.whole_system import Site, running


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
    own = ("intake_", "escalator_", "notifier_", "tracker_", "tierline_")
    return [
        one
        for one in answer.text.splitlines()
        if one.startswith(own) and "_total" in one.partition(" ")[0]
    ]


async def test_topics_rows_and_metrics_are_the_same_before_and_after(
    kafka: str, database: str, topic_prefix: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, kafka, database, topic_prefix)
    async with running(site.plan(services=("intake",))) as stack:
        await stack.serve(Clock())
        metrics = f"{stack.url('intake')}/metrics"
        before = (await offsets(kafka, topic_prefix), await rows(database), await counted(metrics))
        assert all(before)
        script = TRAINING / "scripts" / "R04-perfect.yaml"
        words = ["roleplay", "run", "R04", "--script", str(script)]
        named = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "DATABASE_URL": database,
            "TIERLINE_TOPIC_PREFIX": topic_prefix,
        }
        child = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("tierline"), *words, cwd=ROOT, env={**os.environ, **named},
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await child.communicate()
        assert child.returncode == 0
        assert b"100 of 100 points, passed" in out
        after = (await offsets(kafka, topic_prefix), await rows(database), await counted(metrics))
    assert after == before
