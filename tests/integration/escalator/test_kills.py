"""The escalator as processes that are killed: nothing is lost, and nothing done twice."""

import asyncio
import signal
from dataclasses import replace

from sqlalchemy import text

from tests.support.escalator_service import (
    PARTITIONS,
    a_stage,
    at,
    escalating,
    escalator_process,
    numbered,
    post,
    published,
    simulated,
    until_taken,
    until_time,
    without_lateness,
)
from tests.support.kafka_topics import a_topic
from tests.support.ticket_events import acknowledged, opened, status, updated

# Each with the passage at which it kills.
FAILPOINTS = (
    "escalator.after_lock:1",
    "escalator.before_commit:1",
    "escalator.after_commit:1",
    "ticker.before_commit:1",
    "relay.before_send:1",
    "relay.after_send:1",
    "relay.after_mark:1",
)
EVENING = "2026-03-02T18:00:00Z"


async def test_nothing_is_lost_or_done_twice_though_it_is_killed_at_every_failpoint(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at(EVENING))
    events = []
    for n, name in enumerate(FAILPOINTS):
        posted = numbered(
            one
            for ticket in (f"T{n}-{k}" for k in range(8))
            for one in (
                opened("2026-03-02T09:00:00Z", ticket=ticket, severity="S1"),
                acknowledged("2026-03-02T09:20:00Z", ticket=ticket),
                updated("2026-03-02T11:00:00Z", ticket=ticket, affected_users=400),
                status("2026-03-02T16:00:00Z", "resolved", ticket=ticket)
                if n % 2 == 0
                else updated("2026-03-02T12:00:00Z", ticket=ticket, affected_users=500),
            )
        )
        posted = [one.model_copy(update={"id": f"{n}-{one.id}"}) for one in posted]
        events += posted
        await post(stage, posted)
        async with escalator_process(stage, {"TIERLINE_FAILPOINT": name}) as running:
            ended = await asyncio.wait_for(running.process.wait(), 30)
            assert ended == -signal.SIGKILL, name
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, len(events))
        await until_time(escalator.database, EVENING)
        await until_taken(escalator.database, len(events))
    live = {
        ticket: [one for one in made if one["time"] <= EVENING]
        for ticket, made in (await published(stage)).items()
    }
    events.sort(key=lambda one: one.time)
    assert without_lateness(live) == without_lateness(simulated(events, EVENING))


async def test_it_refuses_to_start_on_a_topic_that_was_made_anew(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at(EVENING))
    await post(stage, numbered(opened("2026-03-02T09:00:00Z", ticket=f"T{n}") for n in range(9)))
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, 9)
    anew = replace(stage, prefix=f"anew.{stage.prefix}")
    for topic, partitions in ((anew.events, PARTITIONS), (anew.policies, 1)):
        await a_topic(kafka, topic, partitions=partitions)
    async with stage.open() as schema, schema.transaction() as conn:
        await conn.execute(text("UPDATE progress SET topic = 'anew.' || topic"))
    async with escalator_process(anew) as running:
        assert await asyncio.wait_for(running.process.wait(), 30) == 78
    assert "does not start" in "".join(running.said)
