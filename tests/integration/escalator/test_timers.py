"""When timers fire: in time, and not before what was said until then has been read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text

from cli.embedded.kafka import KafkaServer
from services.escalator.core import engine
from services.escalator.core.engine import Cases, Outcome
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline
from tests.support.consuming import until
from tests.support.escalator_service import (
    Escalator,
    Stage,
    a_stage,
    an_escalator,
    ask,
    at,
    escalating,
    numbered,
    of_type,
    post,
    published,
    until_taken,
)
from tests.support.ticket_events import opened, status

TICKETS = 20


async def a_morning(kafka: str, prefix: str, database: str) -> Stage:
    """Open tickets at nine that will be due by eleven, and return the stage at five past eleven."""
    stage = await a_stage(kafka, prefix, database, at("2026-03-02T09:00:10Z"))
    await post(
        stage,
        numbered(
            opened("2026-03-02T09:00:00Z", ticket=f"T{n}", severity="S2") for n in range(TICKETS)
        ),
    )
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, TICKETS)
    return replace(stage, clock=at("2026-03-02T11:05:00Z"))


@asynccontextmanager
async def ticking(stage: Stage, *, max_hold_s: float = 120.0) -> AsyncIterator[Escalator]:
    """Give an escalator that knows the policy, and of which nothing runs."""
    async with an_escalator(stage, max_hold_s=max_hold_s) as escalator:
        await escalator.policies.settle(asyncio.Event())
        yield escalator


async def caught_up(escalator: Escalator) -> None:
    """Say that all input was read until now."""
    async with escalator.database.transaction() as conn:
        await conn.execute(text("UPDATE progress SET caught_up_at = clock()"))


async def decisions_waiting(escalator: Escalator) -> int:
    return int(await ask(escalator.database, "SELECT count(*) FROM outbox WHERE version > 1"))


async def drained(escalator: Escalator) -> None:
    """Fire and publish all that is due."""
    while await escalator.ticker.tick():
        pass
    while await escalator.relay.publish_waiting():
        pass


async def test_no_timer_fires_while_what_stops_it_waits_unread(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_morning(kafka, topic_prefix, database)
    resolves = [
        status("2026-03-02T09:30:00Z", "resolved", ticket=f"T{n}").model_copy(
            update={"id": f"r{n}"}
        )
        for n in range(TICKETS)
    ]
    await post(stage, resolves)
    async with ticking(stage) as escalator:
        assert await escalator.ticker.tick() == 0
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, 2 * TICKETS)
    made = await published(stage)
    assert len(of_type(made, "case.closed")) == TICKETS
    assert of_type(made, "timer.warned") == []
    assert of_type(made, "escalation.raised") == []


async def test_after_the_longest_hold_timers_fire_unread_input_or_not_and_say_so(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_morning(kafka, topic_prefix, database)
    async with ticking(stage, max_hold_s=0.3) as escalator:
        assert await escalator.ticker.tick() == 0

        async def fires() -> bool:
            return await escalator.ticker.tick() > 0

        await until(fires)
        await drained(escalator)
    raised = of_type(await published(stage), "escalation.raised")
    assert len(raised) == TICKETS
    assert all(one["data"]["because"]["facts"]["late_input"] is True for one in raised)


async def test_timers_in_time_say_nothing_of_unread_input(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_morning(kafka, topic_prefix, database)
    async with ticking(stage) as escalator:
        await caught_up(escalator)
        await drained(escalator)
    raised = of_type(await published(stage), "escalation.raised")
    assert len(raised) == TICKETS
    assert not any("late_input" in one["data"]["because"]["facts"] for one in raised)
    assert {one["time"] for one in raised} == {"2026-03-02T11:00:00Z"}
    assert all(300 <= one["data"]["late_by_s"] < 400 for one in raised)


async def test_two_tickers_at_once_fire_each_timer_once(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_morning(kafka, topic_prefix, database)
    async with ticking(stage) as one, ticking(stage) as other:
        await caught_up(one)
        await asyncio.gather(*(ticker.tick() for ticker in (one.ticker, other.ticker) * 4))
        await drained(one)
    assert len(of_type(await published(stage), "timer.breached")) == TICKETS


async def test_a_case_that_somebody_holds_is_left_to_them_and_the_others_fire(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_morning(kafka, topic_prefix, database)
    async with ticking(stage) as escalator:
        await caught_up(escalator)
        async with escalator.database.transaction() as conn:
            await conn.execute(text("SELECT 1 FROM ticket_state WHERE key = 'desk:T7' FOR UPDATE"))
            await drained(escalator)
            assert len(of_type(await published(stage), "timer.breached")) == TICKETS - 1
        await drained(escalator)
    assert len(of_type(await published(stage), "timer.breached")) == TICKETS


async def test_a_due_time_that_no_longer_holds_is_put_right(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_morning(kafka, topic_prefix, database)
    async with ticking(stage) as escalator:
        await caught_up(escalator)
        await drained(escalator)
        when = "SELECT due_at FROM ticket_state WHERE key = 'desk:T3'"
        right = await ask(escalator.database, when)
        async with escalator.database.transaction() as conn:
            await conn.execute(
                text("UPDATE ticket_state SET due_at = clock() WHERE key = 'desk:T3'")
            )
        await caught_up(escalator)
        before = await published(stage)
        await drained(escalator)
        assert await ask(escalator.database, when) == right
    assert await published(stage) == before


async def test_a_case_for_which_the_engine_fails_is_put_off_and_the_others_fire(
    kafka: str, topic_prefix: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fire = engine.fire

    def fail_on_one(
        cases: Cases, key: str, until_: Instant, policies: PolicyTimeline, now: Instant
    ) -> Outcome:
        if key == "desk:T7":
            msg = "no rule for this one"
            raise KeyError(msg)
        return fire(cases, key, until_, policies, now)

    monkeypatch.setattr(engine, "fire", fail_on_one)
    stage = await a_morning(kafka, topic_prefix, database)
    async with ticking(stage) as escalator:
        await caught_up(escalator)
        await drained(escalator)
        assert len(of_type(await published(stage), "timer.breached")) == TICKETS - 1
        again = await ask(
            escalator.database,
            "SELECT due_at BETWEEN clock() AND clock() + interval '1 minute'"
            " FROM ticket_state WHERE key = 'desk:T7'",
        )
    assert again is True


async def test_timers_are_decided_without_kafka_and_published_when_it_is_back(
    own_kafka: Callable[[], KafkaServer], topic_prefix: str, database: str
) -> None:
    server = own_kafka()
    stage = await a_morning(server.bootstrap_servers, topic_prefix, database)
    await asyncio.to_thread(server.kill)
    async with an_escalator(stage, max_hold_s=0.3) as escalator:
        stop = asyncio.Event()
        await escalator.policies.settle(stop)
        async with asyncio.TaskGroup() as tasks:
            # Cannot join any group meanwhile.
            tasks.create_task(escalator.consume(stop, group=True))
            tasks.create_task(escalator.relay.run(stop))
            tasks.create_task(escalator.ticker.run(stop))

            async def decided() -> bool:
                return await decisions_waiting(escalator) >= 3 * TICKETS

            await until(decided)
            await asyncio.to_thread(server.start)
            await until_taken(escalator.database, TICKETS, within_s=60)
            stop.set()
    assert len(of_type(await published(stage), "timer.breached")) == TICKETS
