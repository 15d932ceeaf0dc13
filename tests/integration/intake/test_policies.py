"""Policies through intake: what is checked, what is activated, and what is refused with its line."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from shared.access.keys import ApiKey, KeyRing, Scope
from shared.access.keys_file import new_key
from shared.contract.policies import MAX_POLICY_BYTES, decode_policy
from shared.policy.document import Policy
from shared.policy.load import DEFAULT_POLICY, edited, load_policy_file
from shared.runtime.clock import Clock
from tests.support.intake_service import Door, intake_here
from tests.support.kafka_topics import a_topic, all_records

FIRST = load_policy_file(DEFAULT_POLICY)
SECOND = edited(FIRST, {"cells.S3.I1.t1_max": "4h"})
OTHER_SECOND = edited(FIRST, {"cells.S3.I1.t1_max": "5h"})
THIRD = edited(SECOND, {"cells.S3.I1.t1_max": "6h"})
YAML = {"content-type": "application/yaml"}
NOW = datetime.fromisoformat("2026-03-02T09:00:00Z")


@pytest.fixture
async def door(kafka: str, topic_prefix: str) -> Door:
    topic = await a_topic(kafka, f"{topic_prefix}policies", partitions=1)
    return Door(policies=topic, clock=Clock.starting(NOW, speed=1.0))


async def activate(client: httpx2.AsyncClient, policy: Policy, **query: str) -> httpx2.Response:
    return await client.post("/v1/policies", content=policy.text, params=query, headers=YAML)


async def said(kafka: str, door: Door) -> list[Any]:
    """What the topic of policies holds: each key, and what was activated."""
    records = await all_records(kafka, door.policies or "")
    return [(one.key, decode_policy(one.value, one.headers).data) for one in records]


async def test_an_activation_is_on_the_topic_under_the_policy_s_name(
    kafka: str, door: Door
) -> None:
    later = "2026-03-02T14:00:00Z"
    async with intake_here(kafka, "none", door) as client:
        answer = await activate(client, SECOND, active_from=later, by="pat", note="Faster, for all")
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    ((key, activated),) = await said(kafka, door)
    assert key == b"default"
    assert (activated.version, activated.digest, activated.text) == (2, SECOND.digest, SECOND.text)
    assert (activated.by, activated.note) == ("pat", "Faster, for all")
    assert activated.active_from == datetime.fromisoformat(later)
    assert (receipt["version"], receipt["digest"]) == (2, SECOND.digest)
    assert (receipt["partition"], receipt["offset"], receipt["repeated"]) == (0, 0, False)


async def test_the_same_version_again_changes_nothing(kafka: str, door: Door) -> None:
    async with intake_here(kafka, "none", door) as client:
        first = (await activate(client, SECOND)).json()
        again = await activate(client, SECOND)
    assert again.status_code == 202
    assert again.json() == {**first, "repeated": True}
    assert len(await said(kafka, door)) == 1


async def test_without_a_time_it_holds_from_its_receipt(kafka: str, door: Door) -> None:
    async with intake_here(kafka, "none", door) as client:
        await activate(client, SECOND)
    ((_, activated),) = await said(kafka, door)
    assert timedelta(0) <= activated.active_from - NOW < timedelta(minutes=2)
    assert activated.by is None


async def test_what_cannot_follow_is_refused_with_what_to_do(kafka: str, door: Door) -> None:
    async with intake_here(kafka, "none", door) as client:
        past = await activate(client, SECOND, active_from="2026-03-02T08:59:59Z")
        assert (
            await activate(client, THIRD, active_from="2026-03-03T09:00:00Z")
        ).status_code == 202
        old = await activate(client, SECOND)
        taken = await activate(client, replace(SECOND, text=_numbered(OTHER_SECOND.text, 3)))
        moved = await activate(client, THIRD, active_from="2026-03-04T09:00:00Z")
        fourth = edited(THIRD, {"cells.S3.I1.t1_max": "7h"})
        early = await activate(client, fourth, active_from="2026-03-03T08:00:00Z")
    refused = [(one.status_code, one.json()["code"]) for one in (past, old, taken, moved, early)]
    assert refused == [
        (422, "activation_in_the_past"),
        (409, "old_version"),
        (409, "version_taken"),
        (409, "already_activated"),
        (409, "activation_too_early"),
    ]
    assert all(one.json()["do"] for one in (past, old, taken, moved, early))
    assert len(await said(kafka, door)) == 1


def _numbered(text: str, version: int) -> str:
    return text.replace("  version: 2\n", f"  version: {version}\n")


async def test_a_broken_policy_is_refused_with_its_lines(kafka: str, door: Door) -> None:
    text = FIRST.text.replace("t1_max: 16h", "t1_max: 16", 1).replace("tz: Asia/Tokyo", "tz: Tokio")
    lines = text.splitlines()
    async with intake_here(kafka, "none", door) as client:
        refused = await activate(client, replace(FIRST, text=text))
        checked = await client.post("/v1/policies/check", content=text, headers=YAML)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, "policy_invalid")
    assert [(one["line"], one["key"]) for one in problem["errors"]] == [
        (lines.index("    tz: Tokio") + 1, "calendars.apac.tz"),
        (lines.index("      t1_max: 16") + 1, "cells.S3.I1.t1_max"),
    ]
    assert problem["errors"][1]["do"] == "Write it with its unit: 15m, 4h, 90s."
    report = checked.json()
    assert (checked.status_code, report["ok"], report["errors"]) == (200, False, problem["errors"])
    assert await said(kafka, door) == []


async def test_a_check_tells_warnings_apart_and_publishes_nothing(kafka: str, door: Door) -> None:
    text = FIRST.text.replace("resolve: 12h", "resolve: 20h")
    async with intake_here(kafka, "none", door) as client:
        report = (await client.post("/v1/policies/check", content=text, headers=YAML)).json()
        binary = (await client.post("/v1/policies/check", content=b"\xff\xfe")).json()
        empty = (await client.post("/v1/policies/check", content=b"")).json()
    assert (report["ok"], report["name"], report["version"]) == (True, "default", 1)
    assert [one["key"] for one in report["warnings"]] == ["targets.premium.P2.resolve"]
    assert (report["errors"], binary["ok"], empty["ok"]) == ([], False, False)
    assert binary["errors"][0]["message"] == "not UTF-8 text"
    assert await said(kafka, door) == []


async def test_what_is_too_large_for_a_policy_is_refused(kafka: str, door: Door) -> None:
    async with intake_here(kafka, "none", door) as client:
        answer = await client.post("/v1/policies", content=b"#" * (MAX_POLICY_BYTES + 1))
        nul = await activate(client, SECOND, note="a\x00b")
        far = await activate(client, SECOND, active_from="9999-01-01T00:00:00Z")
        huge = await activate(client, replace(SECOND, text=_numbered(SECOND.text, 10**12)))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert [one.status_code for one in (nul, far, huge)] == [422] * 3
    assert huge.json()["errors"][0]["key"] == "policy.version"
    assert await said(kafka, door) == []


async def test_a_comment_may_hold_whatever_json_may_not(kafka: str, door: Door) -> None:
    text = f"# NaN, Infinity, \\u0000 and 🙂\n{SECOND.text}"
    async with intake_here(kafka, "none", door) as client:
        answer = await activate(client, replace(SECOND, text=text))
    assert answer.status_code == 202, answer.text
    ((_, activated),) = await said(kafka, door)
    assert activated.text == text


async def test_only_a_key_of_administrators_activates(kafka: str, door: Door) -> None:
    texts = {scope: new_key("desk") for scope in (Scope.READ, Scope.ADMIN)}
    ring = KeyRing(
        [
            ApiKey(f"the-{scope}", key.sha256, None, frozenset({scope}))
            for scope, key in texts.items()
        ]
    )

    async def post(path: str, scope: Scope | None) -> httpx2.Response:
        headers = (
            YAML if scope is None else {**YAML, "authorization": f"Bearer {texts[scope].text}"}
        )
        return await client.post(path, content=SECOND.text, headers=headers)

    async with intake_here(kafka, "none", replace(door, keys=ring)) as client:
        assert (await post("/v1/policies", None)).status_code == 401
        assert (await post("/v1/policies", Scope.READ)).status_code == 403
        assert (await post("/v1/policies/check", Scope.READ)).status_code == 200
        assert (await post("/v1/policies", Scope.ADMIN)).status_code == 202
    ((_, activated),) = await said(kafka, door)
    assert activated.by == "the-admin"
