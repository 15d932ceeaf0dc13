"""Why, asked of the live escalator: the same answer as from a file of the same events."""

import json
from typing import Any

from pydantic_core import from_json

from services.escalator.core.explaining import explain, plan
from services.escalator.core.simulation import Simulation
from shared.contract.events import TicketEvent
from shared.contract.explanations import View
from shared.contract.times import parse_instant
from tests.support.escalator_service import (
    TIMELINE,
    Escalator,
    a_stage,
    at,
    escalating,
    numbered,
    post,
    published,
    until_taken,
    until_time,
)
from tests.support.ticket_events import acknowledged, opened, replied, status, updated, wrote

EVENING = "2026-03-02T18:00:00Z"
MOMENTS = ("2026-03-02T10:30:00Z", "2026-03-02T13:59:59Z", "2026-03-02T15:30:00Z", EVENING)
OF_RECEIPT = "received_at"


def a_busy_day() -> list[TicketEvent]:
    """One ticket that is called about, answered late, worsened, and resolved in vain."""
    return numbered(
        [
            opened("2026-03-02T09:00:00Z", severity="S2"),
            # Answered in time, but we hear of it when people have been called for hours.
            replied("2026-03-02T09:20:00Z", received="2026-03-02T14:00:00Z"),
            acknowledged("2026-03-02T11:30:00Z"),
            updated("2026-03-02T12:00:00Z", severity="S1", affected_users=40),
            acknowledged("2026-03-02T12:02:00Z", role="t1_agent"),
            status("2026-03-02T15:00:00Z", "resolved"),
            wrote("2026-03-02T16:00:00Z"),
        ]
    )


def without_receipt(said: Any) -> Any:
    if isinstance(said, dict):
        return {key: without_receipt(one) for key, one in said.items() if key != OF_RECEIPT}
    return [without_receipt(one) for one in said] if isinstance(said, list) else said


async def asked(escalator: Escalator, what: str, moment: str, view: View) -> bytes:
    answer = await escalator.client.get(
        f"/v1/tickets/desk:A/{what}", params={"at": moment, "view": view.value}
    )
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_the_live_answer_is_that_of_a_file_of_the_same_events(
    kafka: str, topic_prefix: str, database: str
) -> None:
    events = a_busy_day()
    simulation = Simulation(TIMELINE)
    list(simulation.run(events, parse_instant(EVENING)))
    history = simulation.history("desk:A")
    stage = await a_stage(kafka, topic_prefix, database, at(EVENING))
    await post(stage, events)
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, len(events))
        await until_time(escalator.database, EVENING)
        for moment in MOMENTS:
            for view in View:
                for what, question in (("explain", explain), ("plan", plan)):
                    live = await asked(escalator, what, moment, view)
                    of_file = question("desk:A", history, TIMELINE, parse_instant(moment), view)
                    expected = json.dumps(without_receipt(from_json(of_file.model_dump_json())))
                    assert json.dumps(without_receipt(from_json(live))) == expected


async def test_what_has_happened_is_what_is_on_the_topic(
    kafka: str, topic_prefix: str, database: str
) -> None:
    events = [one for one in a_busy_day() if one.receivedat is None]
    stage = await a_stage(kafka, topic_prefix, database, at(EVENING))
    await post(stage, events)
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, len(events))
        await until_time(escalator.database, EVENING)
        await until_taken(escalator.database, len(events))
        said = from_json(await asked(escalator, "explain", EVENING, View.THEN))
        made = (await published(stage))["desk:A"]
    happened = [one for one in said["happened"] if one["kind"] == "decision"]
    assert [(one["at"], one["type"], one["arithmetic"]) for one in happened] == [
        (one["time"], one["type"], one["data"]["because"]["arithmetic"])
        for one in made
        if one["time"] <= EVENING
    ]


async def test_a_moment_without_an_answer_is_answered_with_what_to_do(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T09:00:30Z"))
    await post(stage, [opened("2026-03-02T09:00:00Z")])
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, 1)
        early = await escalator.client.get(
            "/v1/tickets/desk:A/explain", params={"at": "2026-03-02T08:00:00Z"}
        )
        unknown = await escalator.client.get("/v1/tickets/desk:B/plan")
        far = await escalator.client.get(
            "/v1/tickets/desk:A/plan", params={"at": "2027-03-02T08:00:00Z"}
        )
        naive = await escalator.client.get(
            "/v1/tickets/desk:A/plan", params={"at": "2026-03-02T09:00:00"}
        )
    assert (early.status_code, early.json()["code"]) == (404, "not_yet_known")
    assert "2026-03-02T09:00:00Z" in early.json()["do"]
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_ticket")
    assert (far.status_code, far.json()["code"]) == (422, "too_far_ahead")
    assert naive.status_code == 422
