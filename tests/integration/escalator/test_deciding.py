"""Events in, decisions out: the live escalator on a real Kafka and a real PostgreSQL."""

import pytest
from structlog.testing import capture_logs

from services.escalator.core import engine
from services.escalator.core.engine import Cases, Outcome
from services.escalator.core.inputs import Heard
from shared.contract.envelope import encode
from shared.contract.events import TicketEvent
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline
from tests.support.escalator_service import (
    Decisions,
    Escalator,
    a_stage,
    ask,
    at,
    escalating,
    numbered,
    of_type,
    post,
    published,
    simulated,
    simulated_each,
    until_taken,
    until_time,
    without_lateness,
)
from tests.support.kafka_topics import write
from tests.support.ticket_events import acknowledged, opened, replied, status, updated, wrote

EVENING = "2026-03-02T18:00:00Z"


def a_day(tickets: int) -> list[TicketEvent]:
    """A day of tickets that are answered, acknowledged, worsened, and half of them resolved."""
    found = []
    for n in range(tickets):
        name, minute = f"T{n}", f"{n % 60:02}"
        severity = ("S2", "S3", "S1")[n % 3]
        found += [
            opened(f"2026-03-02T09:{minute}:00Z", ticket=name, severity=severity),
            replied(f"2026-03-02T10:{minute}:00Z", ticket=name),
            acknowledged(f"2026-03-02T10:{minute}:30Z", ticket=name),
            updated(f"2026-03-02T11:{minute}:00Z", ticket=name, severity="S1"),
        ]
        if n % 2:
            found.append(status(f"2026-03-02T12:{minute}:00Z", "resolved", ticket=name))
    return numbered(found)


async def until_evening(escalator: Escalator, count: int) -> Decisions:
    """Return what is decided by EVENING on *count* events."""
    await until_taken(escalator.database, count)
    await until_time(escalator.database, EVENING)
    await until_taken(escalator.database, count)
    return {
        ticket: [one for one in made if one["time"] <= EVENING]
        for ticket, made in (await published(escalator.stage)).items()
    }


async def test_the_live_run_decides_what_the_simulation_decides(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at(EVENING))
    events = a_day(30)
    await post(stage, events)
    async with escalating(stage) as escalator:
        live = await until_evening(escalator, len(events))
    assert without_lateness(live) == without_lateness(simulated(events, EVENING))


async def test_late_and_reordered_events_are_decided_as_the_simulation_decides_them(
    kafka: str, topic_prefix: str, database: str
) -> None:
    events = []
    for n in range(12):
        ticket = f"T{n}"
        events += [
            opened("2026-03-02T09:00:00Z", ticket=ticket, severity="S2"),
            # Answered in time, but we hear of it when people have been called for hours.
            replied("2026-03-02T09:20:00Z", ticket=ticket, received="2026-03-02T14:00:00Z"),
            acknowledged(
                f"2026-03-02T09:{10 + n}:00Z", ticket=ticket, received="2026-03-02T14:05:00Z"
            ),
            updated("2026-03-02T12:00:00Z", ticket=ticket, severity="S1"),
            status("2026-03-02T15:00:00Z", "resolved", ticket=ticket),
        ]
    events = numbered(events)
    # The clock has not come to any of it yet, so receipt is now, as in the simulation.
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T08:00:00Z"))
    await post(stage, events)
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, len(events))
    live = await published(stage)
    assert without_lateness(live) == without_lateness(simulated_each(events))


async def test_an_act_outside_a_role_is_in_the_log_once(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T08:00:00Z"))
    refused = acknowledged("2026-03-02T09:05:00Z", role="t1_agent", by="olga")
    unknown = acknowledged("2026-03-02T09:06:00Z", role="passer_by", by="paul")
    spoke = replied("2026-03-02T09:07:00Z", role="engineering_duty", by="eva")
    allowed = acknowledged("2026-03-02T09:08:00Z", role="t2_oncall", by="tom")
    first = opened("2026-03-02T09:00:00Z", severity="S2", affected_users=30)
    with capture_logs() as logged:
        await post(stage, [first, refused, unknown, spoke, allowed, refused])
        async with escalating(stage) as escalator:
            await until_taken(escalator.database, 6)
    told = [(one["by"], one["how"]) for one in logged if one["event"] == "act outside a role"]
    assert told == [
        ("olga", "refused"),
        ("paul", "unknown_role"),
        ("eva", "spoke_for_support"),
    ]


async def test_an_event_posted_three_times_over_a_restart_has_one_effect(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T08:00:00Z"))
    first = opened("2026-03-02T09:00:00Z", received="2026-03-02T09:00:01Z", severity="S1")
    again = opened("2026-03-02T09:00:00Z", received="2026-03-02T09:00:09Z", severity="S1")
    await post(stage, [first, again])
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, 2)
        once = await published(stage)
    await post(stage, [first])
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, 3)
        state = (await escalator.client.get("/v1/tickets/desk:A/state")).json()
    assert await published(stage) == once
    assert state["counters"]["duplicates"] == 2


async def test_a_record_that_is_no_event_is_parked_as_it_came_and_stops_nobody(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T08:00:00Z"))
    poison = b'{"specversion":"1.0","id":"x","type":"ticket.opened","source":"desk","subject":"P"}'
    good = numbered(opened("2026-03-02T09:00:00Z", ticket=f"T{n}") for n in range(20))
    values = [encode(one) for one in good]
    await write(kafka, stage.events, [*values[:10], poison, b"\x00\xff", *values[10:]])
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, 22)
        dead = await ask(
            escalator.database,
            "SELECT json_agg(json_build_array(\"offset\", encode(raw, 'hex'), error_class)"
            ' ORDER BY "offset") FROM dead_letter',
        )
    assert dead == [
        [10, poison.hex(), "invalid_field"],
        [11, b"\x00\xff".hex(), "not_json"],
    ]
    assert len(of_type(await published(stage), "case.opened")) == 20


async def test_an_event_that_the_engine_cannot_take_is_parked_and_the_rest_of_its_batch_taken(
    kafka: str, topic_prefix: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = engine.hear

    def fail_on_one(cases: Cases, heard: Heard, policies: PolicyTimeline, now: Instant) -> Outcome:
        if heard.key == "desk:T7":
            msg = "no rule for this one"
            raise KeyError(msg)
        return take(cases, heard, policies, now)

    monkeypatch.setattr(engine, "hear", fail_on_one)
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T08:00:00Z"))
    events = numbered(opened("2026-03-02T09:00:00Z", ticket=f"T{n}") for n in range(20))
    await post(stage, events)
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, 20)
        reason = await ask(escalator.database, "SELECT error_class FROM dead_letter")
        remembered = await ask(
            escalator.database, "SELECT count(*) FROM seen_event WHERE ticket = 'desk:T7'"
        )
    made = await published(stage)
    assert made.keys() == {f"desk:T{n}" for n in range(20) if n != 7}
    assert reason == "handler_crashed"
    # So that it is taken when an operator sends it again.
    assert remembered == 0


async def test_two_workers_that_both_own_everything_decide_each_event_once(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at(EVENING))
    events = a_day(60)
    await post(stage, events)
    async with escalating(stage) as one, escalating(stage) as other:
        await until_taken(other.database, len(events))
        live = await until_evening(one, len(events))
    # Each of them has held cases that the other one has changed since.
    assert without_lateness(live) == without_lateness(simulated(events, EVENING))


async def test_a_message_before_the_opening_waits_for_it(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T08:00:00Z"))
    early, opening = numbered(
        [
            wrote("2026-03-02T09:00:00Z", received="2026-03-02T09:01:00Z"),
            opened("2026-03-02T09:00:00Z", received="2026-03-02T09:02:00Z"),
        ]
    )
    await post(stage, [early])
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, 1)
        assert (await escalator.client.get("/v1/tickets/desk:A/state")).status_code == 404
        await post(stage, [opening])
        await until_taken(escalator.database, 2)
    assert without_lateness(await published(stage)) == without_lateness(
        simulated_each([early, opening])
    )
