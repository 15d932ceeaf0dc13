"""The tracker as a process between a real Kafka and a real PostgreSQL."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text

from shared.contract.topics import DELIVERIES, PARTITIONS, TICKET_EVENTS, TIER_CHANGES
from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database
from shared.runtime.kafka import partition_for
from shared.runtime.migrations import migrate
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics
from tests.support.consuming import until
from tests.support.kafka_topics import write
from tests.support.tracker_messages import decision_bytes
from tests.support.tracker_service import (
    Running,
    added_up,
    starting_tracker,
    tables,
    tracker_here,
    tracker_process,
)
from tests.support.tracker_stories import many
from tests.support.tracker_stream import Said, publish

STORY = many(12, until_s=3600)
OF_THE_LOG = {
    "ticket": frozenset({"state"}),
    "timeline": frozenset({"offset", "partition", "repeats", "known_at"}),
    "tally": frozenset({"topic"}),
}


@pytest.fixture
async def environ(kafka: str, topic_prefix: str, database: str) -> dict[str, str]:
    """What a tracker is told, its topics and its schema made."""
    await create_topics(KafkaAccess(bootstrap_servers=kafka), prefix=topic_prefix, replicas=1)
    await migrate(database, ["tracker"])
    return {
        "TRACKER_SHARE": "all",
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TIERLINE_TOPIC_PREFIX": topic_prefix,
        "DATABASE_URL": database,
    }


@pytest.fixture
async def schema(environ: dict[str, str]) -> AsyncIterator[Database]:
    """The tracker's schema, to look into."""
    url = environ["DATABASE_URL"]
    async with open_database(url, schema="tracker", clock=Clock()) as opened:
        yield opened


async def publish_all(environ: dict[str, str], records: Sequence[Said]) -> None:
    await publish(environ["KAFKA_BOOTSTRAP_SERVERS"], environ["TIERLINE_TOPIC_PREFIX"], records)


async def applied(schema: Database) -> int:
    """How many records are applied, of whatever kind."""
    async with schema.transaction() as conn:
        total = await conn.execute(text("SELECT coalesce(sum(next_offset), 0) FROM progress"))
        return int(total.scalar_one())


async def until_applied(schema: Database, count: int) -> None:
    async def there() -> bool:
        return await applied(schema) >= count

    await until(there)


async def expected(url: str) -> dict[str, list[object]]:
    """The tables as one undisturbed tracker makes them in a new schema."""
    async with tracker_here(url) as undisturbed:
        await undisturbed.take(STORY)
        found = await tables(undisturbed.database, but=OF_THE_LOG)
    return added_up(found)


async def test_everything_on_the_topics_is_in_the_tables_and_position_with_it(
    environ: dict[str, str], schema: Database
) -> None:
    await publish_all(environ, STORY)
    async with tracker_process(environ) as running:
        await until_applied(schema, len(STORY))
        stats = await running.get("/v1/stats")
        answer = await running.client.get("/v1/tickets/desk:T0")
    told = [sum(one.topic == topic for one in STORY) for topic in (TICKET_EVENTS, TIER_CHANGES)]
    assert [stats["events"], stats["decisions"]] == told
    assert stats["deliveries"] == sum(one.topic == DELIVERIES for one in STORY)
    assert stats["tickets"]["total"] == 12
    assert (stats["dead_letters"], stats["missing_versions"], stats["repeats"]) == (0, 0, 0)
    assert answer.headers["x-position"].startswith(f"{DELIVERIES}/0:")
    assert await applied(schema) == len(STORY)


@pytest.mark.parametrize("place", ["tracker.before_commit", "tracker.after_commit"])
async def test_a_tracker_that_is_killed_again_and_again_ends_in_the_same_tables(
    environ: dict[str, str], schema: Database, place: str
) -> None:
    third = len(STORY) // 3
    for passage, portion in ((1, STORY[:third]), (2, STORY[third : 2 * third])):
        await publish_all(environ, portion)
        before = await applied(schema)
        armed = {**environ, "TIERLINE_FAILPOINT": f"{place}:{passage}"}
        async with starting_tracker(armed) as process:
            await asyncio.wait_for(read_out(process), 40)
            assert await process.wait() == -signal.SIGKILL
        assert before <= await applied(schema) < len(STORY)
    await publish_all(environ, STORY[2 * third :])
    async with tracker_process(environ):
        await until_applied(schema, len(STORY))
    found = added_up(await tables(schema, but=OF_THE_LOG))
    async with schema.transaction() as conn:
        await conn.execute(text("ALTER SCHEMA tracker RENAME TO killed"))
    assert found == await expected(environ["DATABASE_URL"])


async def read_out(process: asyncio.subprocess.Process) -> None:
    """Return when *process* has said its last."""
    assert process.stderr is not None
    await process.stderr.read()


async def test_records_that_are_no_messages_are_parked_and_stop_nobody(
    environ: dict[str, str], schema: Database
) -> None:
    poison = [b"\xff\x00", b"{}", b'{"specversion": "1.0"']
    kafka, prefix = environ["KAFKA_BOOTSTRAP_SERVERS"], environ["TIERLINE_TOPIC_PREFIX"]
    await write(kafka, f"{prefix}{TICKET_EVENTS}", poison[:2], partition=3)
    await write(kafka, f"{prefix}{TIER_CHANGES}", poison[2:], partition=3)
    await publish_all(environ, STORY)
    async with tracker_process(environ) as running:
        await until_applied(schema, len(STORY) + 3)
        stats = await running.get("/v1/stats")
        metrics = (await running.client.get("/metrics")).text
        board = (await running.client.get("/")).text
    async with schema.transaction() as conn:
        dead = (await conn.execute(text("SELECT raw, error_class FROM dead_letter"))).all()
    assert sorted(row.raw for row in dead) == sorted(poison)
    assert {row.error_class for row in dead} == {"not_json", "not_a_cloudevent"}
    assert stats["dead_letters"] == 3
    assert stats["tickets"]["total"] == 12
    assert 'tierline_dead_letters_total{reason="not_json"' in metrics
    assert "3 records could not be read" in board


async def test_a_record_that_cannot_be_stored_is_parked_alone(
    environ: dict[str, str], schema: Database
) -> None:
    # Longer than an index takes, and not to be compressed.
    key = "group:" + "".join(chr(0x10400 + n * 7919 % 65000) for n in range(1000))
    too_long = Said(TIER_CHANGES, "desk:T0", decision_bytes(1, ticket=key), [])
    await publish_all(environ, [*STORY[:50], too_long, *STORY[50:]])
    async with tracker_process(environ) as running:
        await until_applied(schema, len(STORY) + 1)
        stats = await running.get("/v1/stats")
    async with schema.transaction() as conn:
        dead = (await conn.execute(text("SELECT raw, error_class FROM dead_letter"))).all()
    assert [(row.raw, row.error_class) for row in dead] == [(too_long.value, "handler_crashed")]
    assert stats["decisions"] == sum(one.topic == TIER_CHANGES for one in STORY)


async def test_a_schema_that_is_not_what_it_should_be_ends_it_and_parks_nothing(
    environ: dict[str, str], schema: Database
) -> None:
    async with schema.transaction() as conn:
        await conn.execute(text("ALTER TABLE timeline DROP COLUMN repeats"))
    await publish_all(environ, STORY)
    async with starting_tracker(environ) as process:
        assert process.stderr is not None
        said = await asyncio.wait_for(process.stderr.read(), 40)
        assert await process.wait() == 1
    assert b"repeats" in said
    assert await applied(schema) == 0
    async with schema.transaction() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM dead_letter"))).scalar_one() == 0


async def test_a_decision_that_is_missing_is_shown_until_it_arrives(
    environ: dict[str, str], schema: Database
) -> None:
    ticket = "desk:T0"
    of_it = [one for one in STORY if one.ticket == ticket and one.topic == TIER_CHANGES]
    lost = of_it[2]
    await publish_all(environ, [one for one in STORY if one is not lost])
    async with tracker_process(environ) as running:
        await until_applied(schema, len(STORY) - 1)
        assert (await running.get(f"/v1/tickets/{ticket}"))["missing_versions"] == 1
        assert (await running.get("/v1/stats"))["tickets_with_gaps"] == 1
        assert "Missing: 1 decision on 1 ticket" in (await running.client.get("/")).text
        assert (
            "1 decision on this ticket still to arrive"
            in (await running.client.get(f"/tickets/{ticket}")).text
        )
        await until(gauge_shows(running, "tierline_version_gaps 1.0"))
        await publish_all(environ, [lost])
        await until_applied(schema, len(STORY))
        assert (await running.get(f"/v1/tickets/{ticket}"))["missing_versions"] == 0
        assert "Attention" not in (await running.client.get("/")).text


def gauge_shows(running: Running, line: str) -> Callable[[], Awaitable[bool]]:
    async def shows() -> bool:
        return line in (await running.client.get("/metrics")).text.splitlines()

    return shows


async def test_the_same_version_with_another_content_is_a_conflict(
    environ: dict[str, str], schema: Database
) -> None:
    lost = next(one for one in STORY if one.topic == TIER_CHANGES)
    plain = json.loads(lost.value)
    plain["id"], plain["data"]["tier"] = "forged", 3
    forged = replace(lost, value=json.dumps(plain).encode())
    await publish_all(environ, [lost, forged, lost])
    async with tracker_process(environ) as running:
        await until_applied(schema, 3)
        metrics = (await running.client.get("/metrics")).text
        ticket = await running.get(f"/v1/tickets/{lost.ticket}")
    topic = f"{environ['TIERLINE_TOPIC_PREFIX']}{TIER_CHANGES}"
    assert f'tierline_tracker_conflicts_total{{topic="{topic}"}} 1.0' in metrics
    assert f'tierline_tracker_repeats_total{{topic="{topic}"}} 2.0' in metrics
    assert ticket["version"] == json.loads(lost.value)["data"]["version"]
    assert ticket["tier"] == json.loads(lost.value)["data"]["tier"]


async def test_data_of_another_kafka_end_it_with_78_and_what_to_do(
    environ: dict[str, str], schema: Database
) -> None:
    await publish_all(environ, STORY[:20])
    async with tracker_process(environ):
        await until_applied(schema, 20)
    async with schema.transaction() as conn:
        await conn.execute(text("UPDATE progress SET cluster_id = 'another-cluster-0000000'"))
    async with starting_tracker(environ) as process:
        assert process.stderr is not None
        said = (await asyncio.wait_for(process.stderr.read(), 40)).decode()
        assert await process.wait() == 78
    assert "another-cluster-0000000" in said
    assert "start with an empty database" in said
    assert "Traceback" not in said


async def test_sigterm_ends_it_with_0_and_it_goes_on_where_it_was(
    environ: dict[str, str], schema: Database
) -> None:
    await publish_all(environ, STORY[:100])
    async with tracker_process(environ) as running:
        await until_applied(schema, 100)
        running.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.process.wait(), 20) == 0
    await publish_all(environ, STORY[100:])
    async with tracker_process(environ) as running:
        await until_applied(schema, len(STORY))
        assert (await running.get("/v1/stats"))["repeats"] == 0


async def test_a_reader_may_wait_for_what_it_has_just_written(
    environ: dict[str, str], schema: Database
) -> None:
    async with tracker_process(environ) as running:

        async def placed() -> bool:
            return await applied(schema) == 0 and bool(
                (await running.client.get("/v1/board")).headers.get("x-position")
            )

        await until(placed)
        opening = next(one for one in STORY if one.topic == TICKET_EVENTS)
        await publish_all(environ, [opening])
        number = partition_for(opening.ticket.encode(), PARTITIONS)
        ticket = await running.get(
            f"/v1/tickets/{opening.ticket}", after=f"{number}:0", wait_ms=2000
        )
        assert ticket["key"] == opening.ticket
        later = await running.client.get("/v1/board", params={"after": f"{number}:1"})
        assert later.status_code == 503
        assert later.json()["code"] == "not_yet_applied"
        assert later.json()["position"] == 1
