"""`tierline topics` and `tierline migrate` against real servers."""

import asyncio
import json

import asyncpg
import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.contract.topics import TOPICS
from shared.runtime.kafka import create_topic
from shared.runtime.migrations import SERVICES, newest
from shared.runtime.settings import KafkaAccess

tierline = CliRunner()


@pytest.fixture
def environ(kafka: str, topic_prefix: str) -> dict[str, str]:
    return {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TIERLINE_TOPIC_PREFIX": topic_prefix}


def test_topics_are_made_once_and_then_as_the_contract_says(
    environ: dict[str, str], topic_prefix: str
) -> None:
    missing = tierline.invoke(app, ["topics", "check", "--json"], env=environ)
    made = tierline.invoke(app, ["topics", "create", "--json"], env=environ)
    again = tierline.invoke(app, ["topics", "create", "--json"], env=environ)
    checked = tierline.invoke(app, ["topics", "check", "--json"], env=environ)
    names = [f"{topic_prefix}{topic.name}" for topic in TOPICS]
    assert (missing.exit_code, json.loads(missing.stdout)["ok"]) == (1, False)
    assert (made.exit_code, json.loads(made.stdout)) == (0, {"created": names})
    assert json.loads(again.stdout) == {"created": []}
    assert (checked.exit_code, json.loads(checked.stdout)["ok"]) == (0, True)


async def test_a_topic_of_another_shape_is_told_by_name_and_flaw(
    kafka: str, topic_prefix: str, environ: dict[str, str]
) -> None:
    name = f"{topic_prefix}tickets.events"
    access = KafkaAccess(bootstrap_servers=kafka)
    await create_topic(access, name, partitions=3, replicas=1, config={})
    done = await asyncio.to_thread(tierline.invoke, app, ["topics", "check"], env=environ)
    assert done.exit_code == 1
    assert f"{name}: It has 3 partitions instead of 12" in done.stderr


def test_the_list_names_writers_readers_and_what_is_missing(environ: dict[str, str]) -> None:
    done = tierline.invoke(app, ["topics", "list"], env=environ | {"COLUMNS": "200"})
    assert done.exit_code == 0
    assert "escalator, tracker" in done.stdout
    assert "missing" in done.stdout


def test_a_kafka_that_is_away_ends_with_1_and_says_what_to_look_at() -> None:
    environ = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    done = tierline.invoke(app, ["topics", "check"], env=environ)
    assert (done.exit_code, "Is KAFKA_BOOTSTRAP_SERVERS right" in done.stderr) == (1, True)


def test_without_an_address_topics_end_with_2() -> None:
    environ = {"KAFKA_BOOTSTRAP_SERVERS": ""}
    done = tierline.invoke(app, ["topics", "list"], env=environ)
    assert (done.exit_code, "KAFKA_BOOTSTRAP_SERVERS: it is not set" in done.stderr) == (2, True)


async def test_migrating_brings_every_schema_to_its_newest_step_and_again_changes_nothing(
    database: str,
) -> None:
    newest_of = {service: newest(service) for service in SERVICES}
    for _ in range(2):
        done = await asyncio.to_thread(
            tierline.invoke, app, ["migrate", "--json"], env={"DATABASE_URL": database}
        )
        assert (done.exit_code, json.loads(done.stdout)) == (0, newest_of)
    connection = await asyncpg.connect(database)
    try:
        clocks = await connection.fetchval(
            "SELECT count(*) FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace"
            " WHERE proname = 'clock' AND nspname = ANY($1)",
            list(SERVICES),
        )
    finally:
        await connection.close()
    assert clocks == len(SERVICES)


async def test_one_schema_can_be_migrated_alone(database: str) -> None:
    done = await asyncio.to_thread(
        tierline.invoke, app, ["migrate", "tracker"], env={"DATABASE_URL": database}
    )
    assert (done.exit_code, done.stdout) == (0, f"tracker: at {newest('tracker')}\n")


@pytest.mark.parametrize(
    ("words", "url", "said"),
    [
        ([], "", "DATABASE_URL must name"),
        ([], "mysql://here/db", "DATABASE_URL must name"),
        (["intake"], "postgresql:///db", "no schema of intake"),
    ],
)
def test_wrong_use_of_migrate_ends_with_2(words: list[str], url: str, said: str) -> None:
    done = tierline.invoke(app, ["migrate", *words], env={"DATABASE_URL": url})
    assert (done.exit_code, said in done.stderr) == (2, True)


def test_a_postgresql_that_is_away_ends_with_1() -> None:
    environ = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = tierline.invoke(app, ["migrate"], env=environ)
    assert (done.exit_code, "Is DATABASE_URL right" in done.stderr) == (1, True)
