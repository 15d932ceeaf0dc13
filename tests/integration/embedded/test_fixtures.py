"""The servers that every other test stands on."""

import asyncpg

from cli.embedded.kafka_probe import ask_broker


async def test_each_test_gets_an_empty_database_of_its_own(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert await connection.fetchval(tables) == 0
        await connection.execute("CREATE TABLE mine (id int)")
    finally:
        await connection.close()


async def test_the_next_test_does_not_see_its_tables(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("SELECT to_regclass('mine')") is None
    finally:
        await connection.close()


def test_the_runs_kafka_serves(kafka: str) -> None:
    host, port = kafka.split(":")
    assert ask_broker(host, int(port)).brokers == (kafka,)


def test_a_plain_test_can_have_a_database_too(database: str) -> None:
    assert database.startswith("postgresql://")
