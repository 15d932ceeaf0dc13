"""Policies, activated while the escalator runs."""

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from shared.contract.times import Instant, instant, rfc3339
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.load import edited
from tests.support.consuming import until
from tests.support.escalator_service import (
    POLICY,
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
    simulated,
    until_taken,
    until_time,
    without_lateness,
)
from tests.support.kafka_topics import write
from tests.support.policy_events import activation
from tests.support.ticket_events import opened, replied

STRICTER = edited(POLICY, {"cells.S3.I1.t1_max": "45m"})


async def activate(stage: Stage, policy: Policy, active_from: str) -> None:
    await write(
        stage.kafka, stage.policies, [activation(policy, active_from)], key=policy.name.encode()
    )


def versions(decisions: list[dict[str, object]]) -> list[int]:
    return [one["data"]["policy"]["version"] for one in decisions]  # type: ignore[index]


async def test_what_the_topic_holds_before_the_first_event_is_in_force_from_when_it_says(
    kafka: str, topic_prefix: str, database: str
) -> None:
    evening = "2026-03-02T18:00:00Z"
    stage = await a_stage(kafka, topic_prefix, database, at(evening))
    await activate(stage, STRICTER, "2026-03-02T12:00:00Z")
    events = numbered(
        opened(f"2026-03-02T{hour}:00:00Z", ticket=f"T{hour}") for hour in (10, 11, 13, 14)
    )
    await post(stage, events)
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, len(events))
        await until_time(escalator.database, evening)
        await until_taken(escalator.database, len(events))
    timeline = PolicyTimeline(
        [
            (Instant(0), POLICY),
            (instant(datetime.fromisoformat("2026-03-02T12:00:00Z")), STRICTER),
        ]
    )
    live = {
        ticket: [one for one in made if one["time"] <= evening]
        for ticket, made in (await published(stage)).items()
    }
    assert without_lateness(live) == without_lateness(simulated(events, evening, timeline))


async def test_an_activation_is_followed_without_a_restart_and_kept_for_the_next(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T09:00:00Z"))
    await post(stage, numbered([opened("2026-03-02T08:59:00Z", ticket="T1")]))
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, 1)
        # It claims to hold since yesterday; but without it was decided until now.
        await activate(stage, STRICTER, "2026-03-01T00:00:00Z")
        begins = "SELECT active_from FROM policy_version WHERE version = 2"

        async def recorded() -> bool:
            known = f"SELECT EXISTS ({begins} AND active_from < clock())"
            return bool(await ask(escalator.database, known))

        await until(recorded)
        since = await ask(escalator.database, begins)
        later = rfc3339(instant(stage.clock.now()))
        second = opened(later, ticket="T2").model_copy(update={"id": "second"})
        await post(stage, [second])
        await until_taken(escalator.database, 2)
    assert since > datetime.fromisoformat("2026-03-02T09:00:00Z")
    made = await published(stage)
    assert versions(made["desk:T1"])[0] == 1
    assert versions(made["desk:T2"]) == [2]
    async with an_escalator(stage) as restarted:
        # The topic need not even be there for it.
        await restarted.policies.settle(asyncio.Event())
        state = await restarted.client.get("/v1/tickets/desk:T2/state")
    assert state.status_code == 200


async def test_open_cases_follow_an_activation_when_its_time_comes(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T09:10:00Z"))
    events = numbered(
        one
        for n in range(30)
        for one in (
            opened("2026-03-02T09:00:00Z", ticket=f"T{n}"),
            replied("2026-03-02T09:05:00Z", ticket=f"T{n}"),
        )
    )
    await post(stage, events)
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, len(events))
        await activate(stage, STRICTER, "2026-03-02T09:30:00Z")

        async def planned() -> bool:
            waiting = await ask(
                escalator.database,
                "SELECT count(*) FROM ticket_state WHERE due_at = '2026-03-02T09:30:00Z'",
            )
            return bool(waiting == 30)

        await until(planned)
    noon = "2026-03-02T12:00:00Z"
    stage = replace(stage, clock=at(noon))
    async with escalating(stage) as escalator:
        await until_time(escalator.database, noon)
        await until_taken(escalator.database, len(events))
    timeline = PolicyTimeline(
        [
            (Instant(0), POLICY),
            (instant(datetime.fromisoformat("2026-03-02T09:30:00Z")), STRICTER),
        ]
    )
    live = {
        ticket: [one for one in made if one["time"] <= noon]
        for ticket, made in (await published(stage)).items()
    }
    assert of_type(live, "tier.changed")
    assert without_lateness(live) == without_lateness(simulated(events, noon, timeline))


async def test_an_event_is_decided_by_what_is_recorded_though_this_process_has_not_heard_of_it(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T09:00:00Z"))
    async with escalating(stage) as reader, an_escalator(stage) as other:
        await other.policies.settle(asyncio.Event())
        await activate(stage, STRICTER, "2026-03-02T08:00:00Z")

        async def known() -> bool:
            return bool(await ask(reader.database, "SELECT max(version) FROM policy_version") == 2)

        await until(known)
        state = await other.client.get("/v1/tickets/desk:T1/state")
        assert state.status_code == 404
        await post(stage, [opened("2026-03-02T08:59:00Z", ticket="T1")])
        await until_taken(reader.database, 1)
        assert (await other.client.get("/v1/tickets/desk:T1/state")).status_code == 200
    assert versions((await published(stage))["desk:T1"]) == [2]


@pytest.mark.parametrize(
    ("flaw", "value"),
    [
        ("its text is no policy", activation(replace(STRICTER, text="nonsense: true"), "2026-03-02T08:00:00Z")),
        ("its text is another policy", activation(replace(STRICTER, version=3), "2026-03-02T08:00:00Z")),
        ("its number is taken", activation(edited(POLICY, {"cells.S3.I1.t1_max": "50m"}), "2026-03-02T08:00:00Z")),
        ("it is no activation", b'{"specversion":"1.0"}'),
    ],
)  # fmt: skip
async def test_an_activation_that_cannot_hold_is_parked_and_changes_nothing(
    kafka: str, topic_prefix: str, database: str, flaw: str, value: bytes
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T09:00:00Z"))
    first = activation(STRICTER, "2026-03-02T07:00:00Z")
    # The same activation again is no flaw.
    await write(kafka, stage.policies, [first, first, value], key=b"default")
    await post(stage, [opened("2026-03-02T08:59:00Z", ticket="T1")])
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, 1)
        parked = await ask(escalator.database, 'SELECT json_agg("offset") FROM dead_letter')
    assert parked == [2], flaw
    assert versions((await published(stage))["desk:T1"]) == [2]
