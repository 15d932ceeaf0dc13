"""Waits until a stage that is left in peace has done everything that was due by then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contract.topics import DELIVERIES, PARTITIONS, TICKET_EVENTS, TIER_CHANGES
from shared.runtime.clock import monotonic
from tests.chaos.stage import Stage

WITHIN_S: Final = 60.0
"""A stage that takes longer has failed."""

_LOOK_S: Final = 0.25
_UNPUBLISHED: Final = (
    "SELECT count(*) FROM {}.outbox WHERE published_at IS NULL AND dead_at IS NULL AND seq <= $1"
)
_OVERDUE: Final = "SELECT count(*) FROM escalator.ticket_state WHERE due_at <= $1"
_UNSENT: Final = (
    "SELECT count(*) FROM notifier.delivery WHERE planned_at <= $1"
    " AND (hold_until IS NULL OR hold_until <= $1)"
    " AND state IN ('planned', 'claimed', 'retry', 'uncertain')"
)


class NotDrainedError(AssertionError):
    """Something that was due is still not done; the message says what."""


async def until_drained(stage: Stage, posted: Awaitable[None]) -> float:
    """Return once all was done that was due when this was called, and how many seconds it took.

    Args:
        stage: In which nothing is broken any more.
        posted: Ends when all reports are accepted.

    Raises:
        NotDrainedError: It was not within a minute.
    """
    began = monotonic()
    waiting = ["reports to be accepted"]
    try:
        async with asyncio.timeout(WITHIN_S):
            await posted
            connection = await asyncpg.connect(stage.database_url)
            try:
                await _through(stage, connection, waiting)
            finally:
                await connection.close()
    except TimeoutError:
        msg = f"after {WITHIN_S:.0f} s of peace: {waiting[0]}"
        raise NotDrainedError(msg) from None
    return monotonic() - began


async def _through(stage: Stage, connection: Any, waiting: list[str]) -> None:
    """Follow what is there from topic to table to topic; *waiting* says what is looked at."""

    async def none_left(what: str, statement: str, *given: Any) -> None:
        await _until(lambda: _zero(connection, statement, *given), what, waiting)

    async def relayed(schema: str) -> None:
        last = await connection.fetchval(f"SELECT coalesce(max(seq), 0) FROM {schema}.outbox")  # noqa: S608
        await none_left(f"the {schema}'s outbox", _UNPUBLISHED.format(schema), last)

    async def read(schema: str, topic: str) -> None:
        ends = await _ends(stage, topic)
        await _until(
            lambda: _past(connection, schema, topic, ends), f"{schema} to read {topic}", waiting
        )

    await read("escalator", TICKET_EVENTS)
    now = stage.clock.now()
    await none_left("the escalator's timers", _OVERDUE, now)
    await relayed("escalator")
    await read("notifier", TIER_CHANGES)
    await none_left("notices to be sent", _UNSENT, stage.clock.now())
    await relayed("notifier")
    for topic in (TICKET_EVENTS, TIER_CHANGES, DELIVERIES):
        await read("tracker", topic)


async def _until(claim: Callable[[], Awaitable[str]], what: str, waiting: list[str]) -> None:
    waiting[0] = what
    while lacking := await claim():
        waiting[0] = f"{what}: {lacking}"
        await asyncio.sleep(_LOOK_S)


async def _zero(connection: Any, statement: str, *given: Any) -> str:
    left = await connection.fetchval(statement, *given)
    return f"{left} left" if left else ""


async def _past(connection: Any, schema: str, topic: str, ends: Mapping[int, int]) -> str:
    rows = await connection.fetch(
        f"SELECT partition, next_offset FROM {schema}.progress WHERE topic = $1",  # noqa: S608
        topic,
    )
    positions = {row["partition"]: row["next_offset"] for row in rows}
    behind = {n: end - positions.get(n, 0) for n, end in ends.items() if positions.get(n, 0) < end}
    return f"behind by {behind}" if behind else ""


async def _ends(stage: Stage, topic: str) -> dict[int, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=stage.kafka.bootstrap_servers)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        return {one.partition: end for one, end in (await consumer.end_offsets(partitions)).items()}
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(consumer.stop(), 5)
