"""Who may ask, how often, and what need not be sent again."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from jsonschema import validate
from pydantic import BaseModel

from services.tracker import examples
from services.tracker.access import Access
from services.tracker.replies import Act, Board, TicketNow, TicketPage
from shared.access.keys import ApiKey, KeyRing, Scope, digest_of
from shared.runtime.buckets import Buckets
from tests.integration.tracker.conftest import NOON
from tests.support.ticket_events import acknowledged, opened
from tests.support.tracker_messages import decision_bytes
from tests.support.tracker_service import Tracker, application, asking
from tests.support.tracker_stream import Said, story

GROUP = "group:mail/smtp/timeout/emea/1"


def a_key(text: str, source: str | None = None, scope: Scope = Scope.READ) -> ApiKey:
    return ApiKey(text, digest_of(text), source, frozenset({scope}))


KEYS = KeyRing(
    [
        a_key("all"),
        a_key("desk", "desk"),
        a_key("other", "other"),
        a_key("post", scope=Scope.INGEST),
    ]
)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def two_desks(tracker: Tracker) -> None:
    mine = opened("2026-03-02T10:00:00Z", ticket="A")
    theirs = opened("2026-03-02T10:00:01Z", ticket="B").model_copy(update={"source": "other"})
    await tracker.take(story([mine, theirs]))
    joined = decision_bytes(90, "group.joined", group_id=GROUP, members=3)
    formed = decision_bytes(1, "group.opened", ticket=GROUP, group_id=GROUP, members=3)
    await tracker.take(
        [
            Said("tickets.tier-changes", "desk:A", joined, []),
            Said("tickets.tier-changes", GROUP, formed, []),
        ]
    )


PATHS = [
    "/v1/tickets/other:B",
    "/v1/tickets/other:B/timeline",
    "/v1/tickets/other:B/plan",
    "/v1/tickets/other:B/explain",
    f"/v1/tickets/{GROUP}",
    f"/v1/tickets/{GROUP}/timeline",
]


@pytest.mark.parametrize("path", PATHS)
async def test_another_helpdesks_ticket_is_not_there_for_a_key_of_one(
    tracker: Tracker, path: str
) -> None:
    await two_desks(tracker)
    async with asking(tracker.database, keys=KEYS) as client:
        answer = await client.get(path, headers=bearer("desk"))
        nothing = await client.get(path.replace("other:B", "other:none"), headers=bearer("desk"))
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_ticket")
    # Whether it exists cannot be told from the answer.
    assert nothing.json()["code"] == "unknown_ticket"


@pytest.mark.parametrize(
    "path", ["/tickets/desk:A?did={}", "/feedback/shift?did={}", "/v1/acts/{}"]
)
async def test_what_became_of_an_act_on_another_helpdesks_ticket_is_not_told(
    tracker: Tracker, path: str
) -> None:
    mine = opened("2026-03-02T10:00:00Z", ticket="A")
    theirs = opened("2026-03-02T10:00:01Z", ticket="B").model_copy(update={"source": "other"})
    act = acknowledged("2026-03-02T10:10:00Z", ticket="B").model_copy(update={"source": "other"})
    await tracker.take(story([mine, theirs, act]))
    async with asking(tracker.database, keys=KEYS) as client:
        told = await client.get(path.format(act.id), headers=bearer("all"))
        answer = await client.get(path.format(act.id), headers=bearer("desk"))
        nothing = await client.get(path.format("none"), headers=bearer("desk"))
    assert (told.status_code, answer.status_code) == (200, 404)
    assert "other:B" not in answer.text
    # Whether there is such an act cannot be told from the answer.
    assert answer.text.replace(act.id, "none") == nothing.text


async def test_lists_sums_and_files_tell_a_key_of_one_helpdesk_of_no_other(
    tracker: Tracker,
) -> None:
    await two_desks(tracker)
    async with asking(tracker.database, keys=KEYS) as client:

        async def get(path: str, key: str = "desk") -> httpx2.Response:
            return await client.get(path, headers=bearer(key))

        tickets = (await get("/v1/tickets")).json()["items"]
        assert {one["key"] for one in tickets} == {"desk:A"}
        everybody = (await get("/v1/tickets", "all")).json()["items"]
        assert {one["key"] for one in everybody} == {"desk:A", "other:B", GROUP}
        board = (await get("/v1/board")).json()
        assert sum(lane["open"] for lane in board["tiers"]) == 1
        csv = (await get("/v1/export.csv")).text
        assert "desk:A" in csv
        assert "other:B" not in csv
        for path in ("/v1/stats", "/v1/groups", "/v1/history"):
            refused = await get(path)
            assert (refused.status_code, refused.json()["code"]) == (403, "one_source_only")
            assert (await get(path, "all")).status_code == 200


async def test_without_a_key_or_the_scope_nobody_is_let_in(tracker: Tracker) -> None:
    async with asking(tracker.database, keys=KEYS) as client:
        nobody = await client.get("/v1/board")
        wrong = await client.get("/v1/board", headers=bearer("guess"))
        poster = await client.get("/v1/board", headers=bearer("post"))
        pair = base64.b64encode(b"olga:all").decode()
        browser = await client.get("/v1/board", headers={"authorization": f"Basic {pair}"})
        health = await client.get("/health/live")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthorized")
    # One challenge alone, or Chromium asks for no password.
    assert nobody.headers["www-authenticate"] == 'Basic realm="Tierline", charset="UTF-8"'
    assert wrong.status_code == 401
    assert (poster.status_code, poster.json()["code"]) == (403, "forbidden")
    assert browser.status_code == 200
    assert health.status_code == 200


async def test_guesses_are_counted_by_address(tracker: Tracker) -> None:
    async with asking(tracker.database, keys=KEYS) as client:
        codes = [
            (await client.get("/v1/board", headers=bearer(f"guess {n}"))).status_code
            for n in range(12)
        ]
        known = await client.get("/v1/board", headers=bearer("all"))
    assert codes == [401] * 10 + [429] * 2
    assert known.status_code == 429


async def test_whoever_asks_too_much_is_told_when_to_come_back(tracker: Tracker) -> None:
    async with asking(tracker.database, rate=3) as client:
        answers = [await client.get("/v1/board") for _ in range(30)]
    refused = [one for one in answers if one.status_code == 429]
    assert refused
    assert answers[0].status_code == 200
    assert {one.json()["code"] for one in refused} == {"too_many_requests"}
    assert all(int(one.headers["retry-after"]) >= 1 for one in refused)


async def test_an_answer_is_sent_again_only_if_something_has_happened(tracker: Tracker) -> None:
    await two_desks(tracker)
    of_ticket = ("", "/timeline", "/drafts")
    for path in ("/v1/tickets", "/v1/board", *(f"/v1/tickets/desk:A{part}" for part in of_ticket)):
        first = await tracker.client.get(path)
        tag = first.headers["etag"]
        assert tag.startswith('W/"')
        for known in (f'"x", {tag}', "*"):
            again = await tracker.client.get(path, headers={"if-none-match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert "x-position" in again.headers
    before = (await tracker.client.get("/v1/tickets/desk:A")).headers["etag"]
    later = opened("2026-03-02T10:30:00Z", ticket="A", title="Other words")
    await tracker.take([one for one in story([later]) if one.topic == "tickets.events"])
    changed = await tracker.client.get("/v1/tickets/desk:A", headers={"if-none-match": before})
    assert changed.status_code == 200


async def test_a_group_has_its_members_and_a_team_its_tickets(tracker: Tracker) -> None:
    await two_desks(tracker)
    (group,) = (await tracker.get("/v1/groups", open=True))["items"]
    assert (group["case"]["key"], group["members"]) == (GROUP, 1)
    members = (await tracker.get("/v1/tickets", group=GROUP))["items"]
    assert [one["key"] for one in members] == ["desk:A"]
    assert members[0]["teams"][-1] == "t1"
    of_team = (await tracker.get("/v1/tickets", team="t1", open=True))["items"]
    assert {one["key"] for one in of_team} == {"desk:A", "other:B", GROUP}
    assert (await tracker.get("/v1/tickets", team="nobody"))["items"] == []


async def test_nobody_can_ask_what_will_have_been_known(tracker: Tracker) -> None:
    answer = await tracker.client.get("/v1/tickets", params={"as_of": "2027-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["code"]) == (422, "as_of_ahead")
    before = await tracker.client.get(
        "/v1/tickets/desk:A", params={"as_of": "2020-01-01T00:00:00Z"}
    )
    assert (before.status_code, before.json()["code"]) == (404, "unknown_ticket")


@pytest.mark.parametrize(
    ("name", "model"),
    [("tickets", TicketPage), ("ticket", TicketNow), ("board", Board), ("act", Act)],
)
def test_an_example_is_what_is_answered(name: str, model: type[BaseModel]) -> None:
    assert (
        model.model_validate_json(_json(examples.ANSWERS[name])).model_dump(mode="json")
        == examples.ANSWERS[name]
    )


def _json(document: Any) -> str:
    return httpx2.Response(200, json=document).text


async def test_the_description_has_every_route_with_its_problems_and_examples(
    filled: Tracker,
) -> None:
    document = await filled.get("/openapi.json")
    routes = {path: one["get"] for path, one in document["paths"].items() if path.startswith("/v1")}
    assert {"/v1/tickets", "/v1/stream", "/v1/groups", "/v1/history", "/v1/export.csv"} <= set(
        routes
    )
    for path, route in routes.items():
        assert {"401", "403", "422", "429", "503"} <= set(route["responses"]), path
        for code in ("401", "422"):
            (content,) = route["responses"][code]["content"].values()
            assert content["example"]["type"].startswith("urn:tierline:problem:")
    listed = routes["/v1/tickets"]["responses"]["200"]["content"]["application/json"]
    validate(
        examples.ANSWERS["tickets"],
        {**listed["schema"], "components": document["components"]},
    )


async def test_the_history_adds_up(filled: Tracker) -> None:
    history = await filled.get("/v1/history", days=1)
    assert history["step_s"] == 3600
    points = history["points"]
    assert len(points) in {25, 26}
    assert sum(one["opened"] for one in points) >= 40
    stats = await filled.get("/v1/stats")
    assert points[-1]["open"] == stats["tickets"]["open"]
    assert sum(one["breached"] for one in points) == sum(
        one["breached"] for one in stats["promises"].values()
    )
    assert any(one["stay_s"] for one in points)
    assert len((await filled.get("/v1/history", days=30))["points"]) in {31, 32}


async def test_keys_that_are_learnt_hold_at_once_and_an_expired_one_does_not(
    tracker: Tracker,
) -> None:
    over = replace(a_key("over"), expires=NOON)
    access = Access(KeyRing([a_key("old"), over]), Buckets(1e6, 1e6))
    async with application(tracker.database, access, None, None) as (app, _):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://tracker") as client:

            async def code(key: str) -> int:
                return (await client.get("/v1/board", headers=bearer(key))).status_code

            assert [await code(key) for key in ("old", "new", "over")] == [200, 401, 401]
            access.know(KeyRing([a_key("new")]))
            assert [await code(key) for key in ("old", "new")] == [401, 200]
