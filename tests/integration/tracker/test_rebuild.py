"""The read model made anew while it is read and written: nobody notices, and nothing differs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database
from shared.runtime.migrations import migrate
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics
from tests.support.consuming import until
from tests.support.tracker_service import Running, tables, tracker_process
from tests.support.tracker_stories import many
from tests.support.tracker_stream import publish

# More than is read while the tracker waits, so that processes fill the tables.
STORY = many(200, until_s=3600)
HALF = len(STORY) // 2


@pytest.fixture
async def environ(kafka: str, topic_prefix: str, database: str) -> dict[str, str]:
    """What the tracker and the command are told."""
    await create_topics(KafkaAccess(bootstrap_servers=kafka), prefix=topic_prefix, replicas=1)
    await migrate(database, ["tracker"])
    return {
        "TRACKER_SHARE": "all",
        "TRACKER_RATE_PER_S": "100000",
        "TRACKER_RATE_BURST": "100000",
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TIERLINE_TOPIC_PREFIX": topic_prefix,
        "DATABASE_URL": database,
    }


@pytest.fixture
async def schema(environ: dict[str, str]) -> AsyncIterator[Database]:
    async with open_database(environ["DATABASE_URL"], schema="tracker", clock=Clock()) as opened:
        yield opened


async def published(environ: dict[str, str], records: Any) -> None:
    await publish(environ["KAFKA_BOOTSTRAP_SERVERS"], environ["TIERLINE_TOPIC_PREFIX"], records)


async def applied(schema: Database, name: str = "tracker") -> int:
    async with schema.transaction() as conn:
        there = await conn.execute(text("SELECT to_regclass(:name)"), {"name": f"{name}.progress"})
        if there.scalar_one() is None:
            return 0
        total = await conn.execute(
            text(f"SELECT coalesce(sum(next_offset), 0) FROM {name}.progress")  # noqa: S608
        )
        return int(total.scalar_one())


async def indexes(schema: Database, name: str) -> set[str]:
    """Return the definitions of all indexes of the schema *name*, without that name."""
    asked = text("SELECT indexdef FROM pg_indexes WHERE schemaname = :name")
    async with schema.transaction() as conn:
        found = (await conn.execute(asked, {"name": name})).scalars().all()
    return {one.replace(f" ON {name}.", " ON ", 1) for one in found}


async def rebuild(
    environ: dict[str, str], *options: str, failpoint: str | None = None
) -> tuple[int, dict[str, Any], str]:
    """Run the command, and return its exit code, its JSON and its errors."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "tierline",
        "rebuild",
        "--json",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            **environ,
            **({} if failpoint is None else {"TIERLINE_FAILPOINT": failpoint}),
        },
    )
    async with asyncio.timeout(120):
        out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(out) if out else {}, errors.decode()


class Watcher:
    """A reader who notes every step back."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.answers = 0
        self.stepped_back: list[str] = []
        self._versions: dict[str, int] = {}
        self._positions: dict[str, int] = {}

    async def watch(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            answer = await self.running.client.get("/v1/tickets", params={"limit": 200})
            assert answer.status_code == 200, answer.text
            self.answers += 1
            for one in answer.json()["items"]:
                self._see(self._versions, one["key"], one["version"])
            for topic in answer.headers["x-position"].split(" "):
                name, _, places = topic.partition("/")
                for place in places.split(","):
                    number, _, offset = place.partition(":")
                    self._see(self._positions, f"{name}/{number}", int(offset))

    def _see(self, known: dict[str, int], name: str, now: int) -> None:
        if now < known.get(name, 0):
            self.stepped_back.append(f"{name}: {known[name]} to {now}")
        known[name] = now


async def test_under_load_nobody_sees_a_step_back_and_old_and_new_say_the_same(
    environ: dict[str, str], schema: Database
) -> None:
    await published(environ, STORY[:HALF])
    stop = asyncio.Event()
    async with tracker_process(environ) as running:

        async def half() -> bool:
            return await applied(schema) >= HALF

        async def all_applied() -> bool:
            return await applied(schema) == len(STORY)

        await until(half)
        before = (await running.client.get("/v1/tickets/desk:T1")).json()
        watcher = Watcher(running)
        watching = asyncio.create_task(watcher.watch(stop))
        rebuilding = asyncio.create_task(rebuild(environ))
        for n in range(HALF, len(STORY), 200):
            await published(environ, STORY[n : n + 200])
        code, said, errors = await rebuilding
        assert code == 0, errors
        await until(all_applied)
        stop.set()
        await watching
        # What was answered before the exchange is still answered of then.
        path = f"/v1/tickets/desk:T1?as_of={before['now'].replace('+', '%2B')}"
        assert (await running.client.get(path)).json() == before
        gaps = (await running.get("/v1/stats"))["missing_versions"]
    assert watcher.stepped_back == []
    assert watcher.answers > 1
    assert said["exchanged"]
    assert said["differences"] == []
    assert said["tables"]["timeline"]["rows"] >= HALF
    assert gaps == 0
    found = await tables(schema, but={})
    assert len(found["timeline"]) == len(STORY)
    assert await indexes(schema, "tracker") == await indexes(schema, "tracker_before")
    # And once more, of everything: the two are equal to the last row.
    code, said, errors = await rebuild(environ)
    assert (code, said["records"]) == (0, len(STORY)), errors
    assert await tables(schema, but={"dead_letter": frozenset({"id", "created_at"})}) == {
        **found, "tally": (await tables(schema, but={}))["tally"]
    }  # fmt: skip


async def test_whoever_is_killed_goes_on_where_it_was(
    environ: dict[str, str], schema: Database
) -> None:
    await published(environ, STORY)
    async with tracker_process(environ):

        async def there() -> bool:
            return await applied(schema) == len(STORY)

        await until(there)
        code, _, _ = await rebuild(environ, failpoint="rebuild.after_batch:2")
        assert code == -signal.SIGKILL
        begun = await applied(schema, "tracker_next")
        assert 0 < begun < len(STORY)
        code, _, _ = await rebuild(environ, failpoint="rebuild.before_exchange:1")
        assert code == -signal.SIGKILL
        code, said, errors = await rebuild(environ)
        assert code == 0, errors
        assert (said["resumed"], said["records"]) == (True, 0)
        code, said, errors = await rebuild(environ, "--restart")
        assert code == 0, errors
        assert (said["resumed"], said["records"]) == (False, len(STORY))


async def test_tables_that_differ_are_named_and_stay_unless_that_is_accepted(
    environ: dict[str, str], schema: Database
) -> None:
    await published(environ, STORY)
    async with tracker_process(environ) as running:

        async def there() -> bool:
            return await applied(schema) == len(STORY)

        await until(there)
        async with schema.transaction() as conn:
            await conn.execute(
                text("UPDATE ticket SET tier = 3, title = 'x' WHERE key = 'desk:T2'")
            )
        code, said, errors = await rebuild(environ)
        assert (code, said["exchanged"]) == (1, False), errors
        assert [(one["table"], one["names"]) for one in said["differences"]] == [
            ("ticket", ["desk:T2"])
        ]
        code, said, errors = await rebuild(environ, "--accept-differences")
        assert (code, said["exchanged"]) == (0, True), errors
        assert (await running.get("/v1/tickets/desk:T2"))["title"] == "Ticket 2"
        async with schema.transaction() as conn:
            row = await conn.execute(text("SELECT title FROM ticket WHERE key = 'desk:T2'"))
            assert row.scalar_one() == "Ticket 2"


async def test_without_what_it_needs_it_says_what(environ: dict[str, str]) -> None:
    code, _, errors = await rebuild(environ)
    assert code == 1
    assert re.search("has read nothing yet", errors)
    code, _, errors = await rebuild({**environ, "DATABASE_URL": ""})
    assert code == 2
    assert "DATABASE_URL" in errors
