"""A service as a process: how it ends, and what it says then."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from sqlalchemy import text

from shared.runtime.clock import monotonic
from shared.runtime.database import Database
from tests.support.consuming import effects, until_applied
from tests.support.kafka_topics import a_topic, write


@asynccontextmanager
async def tiny_service(
    environ: Mapping[str, str],
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.tiny_service",
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "TIERLINE_DRAIN_DELAY_S": "0", **environ},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    assert process.stderr is not None
    said = await asyncio.wait_for(process.stderr.read(), 40)
    await process.wait()
    return process.returncode, said.decode()


async def test_settings_that_mean_nothing_end_it_with_78_and_a_remedy() -> None:
    async with tiny_service(
        {"DATABASE_URL": "postgresql://nobody@localhost/x", "TINY_TYPO": "1"}
    ) as process:
        code, said = await ended(process)
    assert code == 78
    assert "TINY_TYPO: no such setting" in said
    assert "KAFKA_BOOTSTRAP_SERVERS: it is not set" in said
    assert "Traceback" not in said


async def test_sigterm_drains_it_and_it_exits_with_0(
    kafka: str, topic_prefix: str, database: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events")
    await write(kafka, topic, [b"1", b"2"])
    environ = {
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TINY_TOPIC_NAME": topic,
    }
    async with tiny_service(environ) as process:
        await until_applied(tracker, 2)
        began = monotonic()
        process.send_signal(signal.SIGTERM)
        code, said = await ended(process)
    assert code == 0, said
    assert monotonic() - began < 10
    assert len(await effects(tracker)) == 2


async def test_stale_data_end_it_with_78_and_what_to_do(
    kafka: str, topic_prefix: str, database: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=1)
    async with tracker.transaction() as conn:
        await conn.execute(
            text(
                "INSERT INTO progress (topic, partition, next_offset, cluster_id)"
                " VALUES (:topic, 0, 0, 'some-other-cluster')"
            ),
            {"topic": topic},
        )
    environ = {
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TINY_TOPIC_NAME": topic,
    }
    async with tiny_service(environ) as process:
        code, said = await ended(process)
    assert code == 78
    assert "some-other-cluster" in said
    assert "start with an empty database" in said
    assert "Traceback" not in said


async def test_an_error_that_nobody_handles_ends_it_with_1(
    kafka: str, topic_prefix: str, database: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=1)
    await write(kafka, topic, [b"1"])
    async with tracker.transaction() as conn:
        await conn.execute(text("DROP TABLE effect"))
    environ = {
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TINY_TOPIC_NAME": topic,
    }
    async with tiny_service(environ) as process:
        code, said = await ended(process)
    assert code == 1
    assert '"event":"crashed"' in said.replace('": "', '":"')
