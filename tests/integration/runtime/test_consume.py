"""What the consumer loop promises, on a real Kafka and a real PostgreSQL."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from prometheus_client import REGISTRY
from sqlalchemy import text

from cli.embedded.kafka import KafkaServer
from cli.embedded.postgres import PostgresServer
from shared.contract.errors import PermanentError, Reason, TransientError
from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database
from shared.runtime.kafka import Batch, ConsumerStuckError
from shared.runtime.migrations import migrate
from tests.support.consuming import (
    QUICK,
    Applier,
    consuming,
    effects,
    make_effect_table,
    until,
    until_applied,
)
from tests.support.kafka_topics import a_topic, write


class AwayError(TransientError):
    reason = Reason.DATABASE_UNAVAILABLE


class HopelessError(PermanentError):
    reason = Reason.HANDLER_CRASHED


def numbered(count: int, *, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


async def test_every_record_is_applied_once_and_in_order(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events")
    for partition in range(3):
        await write(kafka, topic, numbered(700), partition=partition)
    applier = Applier(tracker)
    async with consuming(kafka, [topic], applier):
        await until_applied(tracker, 2100)
    assert await effects(tracker) == [(p, n, b"%d" % n) for p in range(3) for n in range(700)]
    assert max(len(batch.records) for batch in applier.batches) <= 500


async def test_what_waits_in_many_partitions_comes_in_the_order_in_which_it_was_appended(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events")
    for n in range(60):
        await write(kafka, topic, numbered(20, start=20 * (n // 3)), partition=n % 3)
    applier = Applier(tracker)
    async with consuming(kafka, [topic], applier, replace(QUICK, max_records=100, in_step=True)):
        await until_applied(tracker, 1200)
    batches = [[one.timestamp for one in batch.records] for batch in applier.batches]
    assert max(map(len, batches)) <= 100
    assert all(max(earlier) <= min(later) for earlier, later in pairwise(batches))


async def test_a_new_consumer_goes_on_where_the_last_one_committed(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events")
    await write(kafka, topic, numbered(10))
    async with consuming(kafka, [topic], Applier(tracker)):
        await until_applied(tracker, 10)
    await write(kafka, topic, numbered(10, start=10))
    second = Applier(tracker)
    async with consuming(kafka, [topic], second):
        await until_applied(tracker, 20)
    assert second.batches[0].records[0].offset == 10
    assert await effects(tracker) == [(0, n, b"%d" % n) for n in range(20)]


async def test_a_batch_that_fails_for_the_moment_is_applied_again_whole(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events")
    for partition in range(2):
        await write(kafka, topic, numbered(20), partition=partition)
    failures = iter(range(4))

    async def fail_four_times(batch: Batch) -> None:
        if next(failures, None) is not None:
            msg = f"no commit for {batch.topic}"
            raise AwayError(msg)

    async with consuming(kafka, [topic], Applier(tracker, fail_four_times)):
        await until_applied(tracker, 40)
    assert await effects(tracker) == [(p, n, b"%d" % n) for p in range(2) for n in range(20)]


async def test_an_error_that_is_not_transient_ends_the_loop_with_nothing_applied(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events")
    await write(kafka, topic, numbered(5))

    async def fail(batch: Batch) -> None:
        msg = f"cannot take {batch.topic}"
        raise HopelessError(msg)

    async with consuming(kafka, [topic], Applier(tracker, fail)) as task:
        await asyncio.wait([task], timeout=30)
    assert isinstance(task.exception(), HopelessError)
    assert await effects(tracker) == []


async def test_a_second_member_takes_partitions_over_and_nothing_is_lost_or_doubled(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=4)
    first, second = Applier(tracker), Applier(tracker)

    async def write_more(start: int) -> None:
        for partition in range(4):
            await write(kafka, topic, numbered(50, start=start), partition=partition)

    async def second_works() -> bool:
        return bool(second.batches)

    async with consuming(kafka, [topic], first):
        await write_more(0)
        await until_applied(tracker, 200)
        async with consuming(kafka, [topic], second):
            written = 50
            while not second.batches:
                await write_more(written)
                written += 50
            await until(second_works)
        # The second one has left; the first takes everything back.
        await write_more(written)
        await until_applied(tracker, 4 * (written + 50))
    assert await effects(tracker) == [
        (p, n, b"%d" % n) for p in range(4) for n in range(written + 50)
    ]


async def test_two_workers_that_both_own_everything_apply_each_record_once(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events")
    everything = replace(QUICK, share="all", max_records=7)
    for partition in range(3):
        await write(kafka, topic, numbered(200), partition=partition)
    first, second = Applier(tracker), Applier(tracker)
    async with (
        consuming(kafka, [topic], first, everything),
        consuming(kafka, [topic], second, everything),
    ):
        await until_applied(tracker, 600)
    assert first.batches
    assert second.batches
    assert await effects(tracker) == [(p, n, b"%d" % n) for p in range(3) for n in range(200)]


async def test_several_topics_share_one_consumer(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    one = await a_topic(kafka, f"{topic_prefix}one", partitions=1)
    two = await a_topic(kafka, f"{topic_prefix}two", partitions=2)
    await write(kafka, one, [b"first topic"])
    await write(kafka, two, [b"second topic"], partition=1)
    async with consuming(kafka, [one, two], Applier(tracker)):
        await until_applied(tracker, 2)
    assert [value for _, _, value in await effects(tracker)] == [b"first topic", b"second topic"]


async def test_a_topic_that_is_not_there_yet_is_waited_for(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = f"{topic_prefix}events"
    async with consuming(kafka, [topic], Applier(tracker)) as task:
        done, _ = await asyncio.wait([task], timeout=1)
        assert not done
        await a_topic(kafka, topic, partitions=1)
        await write(kafka, topic, numbered(3))
        await until_applied(tracker, 3)


async def test_lag_is_told_while_records_wait_and_no_more_once_the_consumer_is_gone(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=1)
    await write(kafka, topic, numbered(5))
    goes_on = asyncio.Event()

    async def hold(_: Batch) -> None:
        await goes_on.wait()

    def told(name: str) -> float | None:
        return REGISTRY.get_sample_value(name, {"topic": topic, "partition": "0"})

    async with consuming(kafka, [topic], Applier(tracker, hold)):

        async def lags() -> bool:
            age = told("tierline_consumer_oldest_unprocessed_seconds")
            return told("tierline_consumer_lag_records") == 5 and age is not None and age > 0.3

        await until(lags)
        goes_on.set()

        async def caught_up() -> bool:
            age = told("tierline_consumer_oldest_unprocessed_seconds")
            return told("tierline_consumer_lag_records") == age == 0

        await until(caught_up)
    assert told("tierline_consumer_lag_records") is None


async def marks(database: Database) -> dict[int, bool]:
    async with database.transaction() as conn:
        rows = await conn.execute(
            text("SELECT partition, caught_up_at IS NOT NULL FROM progress ORDER BY partition")
        )
        return {row[0]: row[1] for row in rows}


async def test_a_partition_counts_as_caught_up_only_when_all_of_it_is_applied(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=2)
    await write(kafka, topic, [b"waits"], partition=1)
    goes_on = asyncio.Event()

    async def hold(_: Batch) -> None:
        await goes_on.wait()

    async with consuming(kafka, [topic], Applier(tracker, hold)):

        async def first_marked() -> bool:
            return (await marks(tracker)).get(0, False)

        await until(first_marked)
        assert await marks(tracker) == {0: True, 1: False}
        goes_on.set()

        async def both_marked() -> bool:
            return await marks(tracker) == {0: True, 1: True}

        await until(both_marked)


async def test_a_partition_that_never_rests_is_caught_up_all_the_same(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=1)
    await write(kafka, topic, [b"first"])

    async def another(_: Batch) -> None:
        # Before this batch counts as applied there is more, so the log is never applied to its end.
        await write(kafka, topic, [b"more"])

    async with consuming(kafka, [topic], Applier(tracker, another)):
        seen: set[datetime] = set()

        async def goes_on() -> bool:
            async with tracker.transaction() as conn:
                mark = (await conn.execute(text("SELECT caught_up_at FROM progress"))).scalar()
            if mark is not None:
                seen.add(mark)
            return len(seen) > 3

        await until(goes_on)


async def test_a_loop_in_which_nothing_moves_ends(
    kafka: str, topic_prefix: str, tracker: Database
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=1)
    await write(kafka, topic, [b"never applied"])

    async def hang(_: Batch) -> None:
        await asyncio.Event().wait()

    impatient = replace(QUICK, stuck_after_s=1.0)
    async with consuming(kafka, [topic], Applier(tracker, hang), impatient) as task:
        await asyncio.wait([task], timeout=30)
    assert isinstance(task.exception(), ConsumerStuckError)


async def test_consumption_goes_on_after_the_database_was_killed(
    kafka: str, topic_prefix: str, own_postgres: Callable[[], PostgresServer]
) -> None:
    server = own_postgres()
    topic = await a_topic(kafka, f"{topic_prefix}events", partitions=1)
    await migrate(server.url(), ["tracker"])
    async with open_database(server.url(), schema="tracker", clock=Clock()) as database:
        await make_effect_table(database)
        async with consuming(kafka, [topic], Applier(database)) as task:
            await write(kafka, topic, numbered(10))
            await until_applied(database, 10)
            await asyncio.to_thread(server.kill)
            await write(kafka, topic, numbered(10, start=10))
            await asyncio.to_thread(server.start)

            async def applied() -> bool:
                return await database.ready() and len(await effects(database)) == 20

            await until(applied)
            assert not task.done()
        assert await effects(database) == [(0, n, b"%d" % n) for n in range(20)]


async def test_consumption_goes_on_after_kafka_was_killed(
    own_kafka: Callable[[], KafkaServer], tracker: Database
) -> None:
    server = own_kafka()
    topic = await a_topic(server.bootstrap_servers, "events", partitions=1)
    async with consuming(server.bootstrap_servers, [topic], Applier(tracker)) as task:
        await write(server.bootstrap_servers, topic, numbered(10))
        await until_applied(tracker, 10)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await write(server.bootstrap_servers, topic, numbered(10, start=10))
        await until_applied(tracker, 20)
        assert not task.done()
    assert await effects(tracker) == [(0, n, b"%d" % n) for n in range(20)]
