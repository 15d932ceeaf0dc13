"""The escalator, asked over HTTP about policies: which held, and what a new one would change."""

import asyncio
import json
from datetime import datetime
from typing import Any

from services.escalator.core.preview import preview, proposed
from services.escalator.store_open import open_page
from shared.contract.times import Instant, instant
from shared.policy.load import edited
from tests.integration.escalator.test_policies import STRICTER, activate
from tests.support.consuming import until
from tests.support.escalator_service import (
    POLICY,
    TIMELINE,
    Escalator,
    Stage,
    a_stage,
    an_escalator,
    ask,
    at,
    escalating,
    numbered,
    post,
    until_taken,
)
from tests.support.ticket_events import opened, replied, status

YAML = {"content-type": "application/yaml"}
NOW = "2026-03-02T14:00:00Z"
SHORTER = edited(POLICY, {"cells.S3.I1.t1_max": "4h", "targets.standard.P3.resolve": "20h"})


async def previewed(escalator: Escalator, text: str, **query: str) -> list[dict[str, Any]]:
    answer = await escalator.client.post(
        "/v1/policies/preview", content=text, params=query, headers=YAML
    )
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


async def with_cases(stage: Stage, count: int) -> int:
    """Post *count* open tickets and one that is resolved; return how many events those are."""
    events = [
        one
        for n in range(count)
        for one in (
            opened("2026-03-02T08:00:00Z", ticket=f"T{n:03}", plan="standard"),
            replied("2026-03-02T08:05:00Z", ticket=f"T{n:03}"),
        )
    ]
    events += [
        opened("2026-03-02T08:00:00Z", ticket="done", plan="standard"),
        status("2026-03-02T08:30:00Z", "resolved", ticket="done"),
    ]
    await post(stage, numbered(events))
    return len(events)


async def test_the_history_has_every_version_with_what_it_changed(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at(NOW))
    await activate(stage, STRICTER, "2026-03-02T15:00:00Z")
    async with escalating(stage) as escalator:
        found = (await escalator.client.get("/v1/policies")).json()
        second = (await escalator.client.get("/v1/policies/2")).json()
        active = (await escalator.client.get("/v1/policies/active")).json()
        unknown = await escalator.client.get("/v1/policies/7")
        nonsense = await escalator.client.get("/v1/policies/newest")
    assert found["active"] == 1
    assert [one["version"] for one in found["policies"]] == [2, 1]
    newest = found["policies"][0]
    assert newest["changes"] == "S3 × I1: dwell tier 1 from 16 h to 45 min"
    assert (newest["by"], newest["note"]) == ("pat", None)
    assert newest["active_from"] == newest["asked_for"] == "2026-03-02T15:00:00Z"
    assert found["policies"][1]["changes"] is None
    assert (second["digest"], second["text"]) == (STRICTER.digest, STRICTER.text)
    assert (active["version"], active["text"]) == (1, POLICY.text)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_version")
    assert nonsense.status_code == 422


async def test_a_preview_names_every_open_case_that_would_change_and_changes_none(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at(NOW))
    count = await with_cases(stage, 205)
    everything = "SELECT md5(string_agg(CAST(t AS text), '' ORDER BY key)) FROM ticket_state t"
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, count)
        before = await ask(escalator.database, everything)
        lines = await previewed(escalator, SHORTER.text)
        same = await previewed(escalator, POLICY.text)
        assert await ask(escalator.database, everything) == before
        versions = await ask(escalator.database, "SELECT count(*) FROM policy_version")
        async with escalator.database.transaction() as conn:
            page = await open_page(conn, "desk:T000", most=1)
    assert versions == 1
    begin, *rest = lines
    assert begin["type"] == "begin"
    assert (begin["policy"]["version"], begin["active"]["version"]) == (2, 1)
    assert [one for one in rest if one["type"] != "case"] == [
        {"type": "progress", "looked_at": 200, "changed": 200},
        {"type": "end", "looked_at": 205, "changed": 205},
    ]
    cases = [one for one in rest if one["type"] == "case"]
    assert [one["ticket"] for one in cases] == [f"desk:T{n:03}" for n in range(205)]
    since = instant_of(begin["at"])
    expected = preview(page.cases[0], TIMELINE, proposed(TIMELINE, SHORTER, since), since)
    assert expected is not None
    assert cases[1] == {"type": "case", **json.loads(json.dumps(expected.document()))}
    (due,) = cases[1]["due"]
    # The grace of 15 minutes, and the promise is not spoken of.
    assert (due["what"], instant_of(due["after"]) - since) == ("end of the stay", 900)
    assert same[-1] == {"type": "end", "looked_at": 205, "changed": 0}


def instant_of(text: str) -> Instant:
    return instant(datetime.fromisoformat(text))


async def test_a_preview_can_be_of_a_later_time(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at(NOW))
    count = await with_cases(stage, 1)
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, count)
        lines = await previewed(escalator, SHORTER.text, active_from="2026-03-02T15:00:00Z")
    assert lines[0]["at"] == "2026-03-02T15:00:00Z"
    assert lines[1]["due"][0]["after"] == "2026-03-02T15:15:00Z"


async def test_what_is_no_policy_is_refused_with_its_lines(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at(NOW))
    text = POLICY.text.replace("tz: Asia/Tokyo", "tz: Tokio")
    async with an_escalator(stage) as escalator:
        answer = await escalator.client.post("/v1/policies/preview", content=text, headers=YAML)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "policy_invalid")
    assert [(one["line"], one["key"]) for one in problem["errors"]] == [
        (text.splitlines().index("    tz: Tokio") + 1, "calendars.apac.tz")
    ]


async def test_the_engine_decides_while_a_preview_is_under_way(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at(NOW))
    count = await with_cases(stage, 300)
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, count)
        looking = asyncio.create_task(previewed(escalator, SHORTER.text))

        async def is_there() -> bool:
            answer = await escalator.client.get("/v1/tickets/desk:new/state")
            return answer.status_code == 200

        await post(stage, [opened(NOW, ticket="new")])
        await until(is_there)
        lines = await looking
    assert lines[-1]["type"] == "end"
    assert lines[-1]["changed"] >= 300


async def test_before_it_is_settled_what_holds_nobody_is_told_anything(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at(NOW))
    async with an_escalator(stage) as escalator:
        answers = [
            await escalator.client.get("/v1/policies"),
            await escalator.client.get("/v1/policies/active"),
            await escalator.client.post("/v1/policies/preview", content=POLICY.text, headers=YAML),
        ]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (503, "no_policy_yet")
    ] * 3
    assert all(one.headers["retry-after"] for one in answers)
