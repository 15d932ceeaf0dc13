"""What the relay promises: it may repeat a row, and never skips one but what Kafka cannot take."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from cli.embedded.kafka import KafkaServer
from shared.runtime.clock import Clock, new_id
from shared.runtime.database import Database, open_database
from shared.runtime.kafka import Publisher
from shared.runtime.migrations import migrate
from shared.runtime.outbox import Relay
from shared.runtime.settings import KafkaAccess
from tests.support.consuming import until
from tests.support.freezing import frozen
from tests.support.kafka_topics import a_topic, all_records


@pytest.fixture
async def schema(database: str) -> AsyncIterator[Database]:
    """A schema with an outbox."""
    await migrate(database, ["notifier"])
    async with open_database(database, schema="notifier", clock=Clock()) as opened:
        yield opened


async def put(database: Database, *payloads: bytes, ticket: str = "desk:A") -> None:
    async with database.transaction() as conn:
        for payload in payloads:
            await conn.execute(
                text(
                    "INSERT INTO outbox (ticket, id, payload, created_at)"
                    " VALUES (:ticket, :id, :payload, now())"
                ),
                {"ticket": ticket, "id": new_id(), "payload": payload},
            )


def saying(word: str) -> bytes:
    return b'{"specversion":"1.0","id":"%b","type":"t","data":{"n":1}}' % word.encode()


async def values(kafka: str, topic: str) -> list[bytes | None]:
    return [record.value for record in await all_records(kafka, topic)]


async def left(database: Database) -> int:
    async with database.transaction() as conn:
        found = await conn.execute(
            text("SELECT count(*) FROM outbox WHERE published_at IS NULL AND dead_at IS NULL")
        )
        return int(found.scalar_one())


@pytest.fixture
async def relay(kafka: str, topic_prefix: str, schema: Database) -> AsyncIterator[Relay]:
    """A relay to a topic of the test's own."""
    topic = await a_topic(kafka, f"{topic_prefix}out", partitions=1)
    publisher = Publisher(KafkaAccess(bootstrap_servers=kafka), client_id="test", deadline_s=5)
    yield Relay(schema, publisher, topic, asyncio.Event(), most=10)
    await publisher.close()


async def test_rows_are_published_in_order_with_their_attributes_as_headers(
    kafka: str, relay: Relay, schema: Database
) -> None:
    await put(schema, *[saying(f"n{n}") for n in range(25)])
    while await relay.publish_waiting():
        pass
    records = await all_records(kafka, relay.topic)
    assert [record.value for record in records] == [saying(f"n{n}") for n in range(25)]
    assert records[3].key == b"desk:A"
    assert dict(records[3].headers) == {
        "content-type": b"application/cloudevents+json",
        "ce_specversion": b"1.0",
        "ce_id": b"n3",
        "ce_type": b"t",
    }


async def test_a_row_that_was_committed_late_is_not_skipped(
    kafka: str, relay: Relay, schema: Database
) -> None:
    async with schema.transaction() as conn:
        await conn.execute(
            text(
                "INSERT INTO outbox (ticket, id, payload, created_at)"
                " VALUES ('desk:B', :id, :payload, now())"
            ),
            {"id": new_id(), "payload": saying("slow")},
        )
        await put(schema, saying("quick"))
        assert await relay.publish_waiting() == 1
    assert await relay.publish_waiting() == 1
    assert await values(kafka, relay.topic) == [saying("quick"), saying("slow")]


async def test_two_relays_publish_each_row_once(kafka: str, relay: Relay, schema: Database) -> None:
    await put(schema, *[saying(f"n{n}") for n in range(30)])
    while await left(schema):
        await asyncio.gather(*(relay.publish_waiting() for _ in range(4)))
    assert await values(kafka, relay.topic) == [saying(f"n{n}") for n in range(30)]


async def test_a_row_too_large_for_kafka_is_marked_dead_and_the_others_are_published(
    kafka: str, relay: Relay, schema: Database
) -> None:
    dead_before = REGISTRY.get_sample_value("tierline_outbox_dead_total") or 0
    huge = b'{"id":"huge","data":{"x":"%b"}}' % (b"x" * 1_100_000)
    await put(schema, saying("before"), huge, saying("after"))
    assert await relay.publish_waiting() == 3
    assert await relay.publish_waiting() == 0
    assert set(await values(kafka, relay.topic)) == {saying("before"), saying("after")}
    async with schema.transaction() as conn:
        dead = await conn.execute(text("SELECT payload FROM outbox WHERE dead_at IS NOT NULL"))
        assert dead.scalar_one() == huge
    assert REGISTRY.get_sample_value("tierline_outbox_dead_total") == dead_before + 1


async def test_a_row_that_the_broker_alone_finds_too_large_is_dead_too(
    kafka: str, topic_prefix: str, relay: Relay, schema: Database
) -> None:
    relay.topic = await a_topic(
        kafka, f"{topic_prefix}narrow", partitions=1, config={"max.message.bytes": "20000"}
    )
    large = b'{"id":"large","data":{"x":"%b"}}' % (b"x" * 50_000)
    await put(schema, saying("before"), large, saying("after"), large, large, large)
    while await relay.publish_waiting():
        pass
    assert set(await values(kafka, relay.topic)) == {saying("before"), saying("after")}
    assert await left(schema) == 0


async def test_it_ends_quietly_when_told_to_stop_while_kafka_is_silent(
    own_kafka: Callable[[], KafkaServer], schema: Database
) -> None:
    server = own_kafka()
    topic = await a_topic(server.bootstrap_servers, "out", partitions=1)
    publisher = Publisher(
        KafkaAccess(bootstrap_servers=server.bootstrap_servers), client_id="test", deadline_s=1
    )
    relay = Relay(schema, publisher, topic, asyncio.Event(), poll_s=0.05)
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    await put(schema, saying("first"))

    async def published() -> bool:
        return await left(schema) == 0

    await until(published)
    async with frozen(server.pid):
        await put(schema, saying("second"))
        done, _ = await asyncio.wait([running], timeout=1.5)
        assert not done
        stop.set()
        await asyncio.wait_for(running, 10)
    await publisher.close()
    assert await left(schema) == 1
