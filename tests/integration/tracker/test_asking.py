"""Questions over HTTP: filters, orders, pages, keys of any shape, and questions that mean nothing."""

import csv
from datetime import datetime
from io import StringIO
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from shared.contract.times import parse_instant
from shared.contract.topics import DELIVERIES
from tests.integration.tracker.conftest import NOON
from tests.support.ticket_events import acknowledged, an_event, opened, replied, updated
from tests.support.tracker_messages import a_delivery, decision_bytes
from tests.support.tracker_service import Tracker
from tests.support.tracker_stories import many
from tests.support.tracker_stream import Said, event_said, story

EVERYTHING = {"limit": 200}


async def keys(tracker: Tracker, **question: Any) -> list[str]:
    page = await tracker.get("/v1/tickets", **{**EVERYTHING, **question})
    assert page["next_cursor"] is None
    return [one["key"] for one in page["items"]]


async def all_of(tracker: Tracker) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await tracker.get("/v1/tickets", **EVERYTHING))["items"]
    assert len(items) == 40
    return items


def due(ticket: dict[str, Any]) -> str:
    return ticket["next_deadline"]["due"] if ticket["next_deadline"] else "9"


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ({"open": True}, lambda one: one["open"]),
        ({"open": False}, lambda one: not one["open"]),
        ({"tier": 3}, lambda one: one["tier"] == 3),
        ({"tier": [1, 2]}, lambda one: one["tier"] in {1, 2}),
        ({"priority": "P1"}, lambda one: one["priority"] == "P1"),
        ({"priority": ["P3", "P4"]}, lambda one: one["priority"] in {"P3", "P4"}),
        ({"owner": "olga"}, lambda one: one["owner"] == "olga"),
        ({"customer": "org3"}, lambda one: one["customer"]["id"] == "org3"),
        ({"status": "resolved"}, lambda one: one["status"] == "resolved"),
        ({"status": ["new", "resolved"]}, lambda one: one["status"] in {"new", "resolved"}),
        (
            {"due_before": "2026-03-02T13:00:00Z"},
            lambda one: due(one) < "2026-03-02T13:00:00Z",
        ),
        ({"q": "TICKET 1"}, lambda one: "ticket 1" in one["title"].lower()),
        ({"q": "desk:t3"}, lambda one: one["key"].startswith("desk:T3")),
        (
            {"open": True, "tier": 1, "owner": "paul"},
            lambda one: one["open"] and one["tier"] == 1 and one["owner"] == "paul",
        ),
    ],
    ids=lambda given: str(given) if isinstance(given, dict) else "",
)
async def test_a_filter_lets_through_what_it_names_and_nothing_else(
    filled: Tracker, question: dict[str, Any], holds: Any
) -> None:
    wanted = [one["key"] for one in await all_of(filled) if holds(one)]
    assert 0 < len(wanted) < 40
    assert sorted(await keys(filled, **question)) == sorted(wanted)


@pytest.mark.parametrize("text", ["%", "_", "\\", "' OR 1=1 --", "Ticket%1"])
async def test_a_text_is_looked_for_as_it_is(filled: Tracker, text: str) -> None:
    assert await keys(filled, q=f"{text}{text}") == []


async def test_tickets_come_by_the_time_to_their_breach(filled: Tracker) -> None:
    dues = [due(one) for one in await all_of(filled)]
    assert dues == sorted(dues)
    assert len(set(dues)) > 10


@pytest.mark.parametrize("sort", ["opened", "updated"])
async def test_other_orders_have_the_newest_first(filled: Tracker, sort: str) -> None:
    page = await filled.get("/v1/tickets", sort=sort, **EVERYTHING)
    times = [one[f"{sort}_at"] for one in page["items"]]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) > 10


@pytest.mark.parametrize("sort", ["breach", "opened", "updated"])
@pytest.mark.parametrize("limit", [1, 7, 40])
async def test_pages_together_are_the_list_each_ticket_once(
    filled: Tracker, sort: str, limit: int
) -> None:
    whole = await keys(filled, sort=sort)
    found: list[str] = []
    more: dict[str, str] = {}
    for _ in whole:
        page = await filled.get("/v1/tickets", sort=sort, limit=limit, **more)
        found += [one["key"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        more = {"cursor": page["next_cursor"]}
    assert found == whole


async def test_a_cursor_of_another_question_is_refused(filled: Tracker) -> None:
    page = await filled.get("/v1/tickets", limit=1)
    answer = await filled.client.get(
        "/v1/tickets", params={"cursor": page["next_cursor"], "open": True}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


async def test_a_timeline_comes_in_pages_in_either_direction(filled: Tracker) -> None:
    path = "/v1/tickets/desk:T0/timeline"
    whole = (await filled.get(path, limit=200))["items"]
    places = [(one["at"], one["position"]) for one in whole]
    assert [at for at, _ in places] == sorted(at for at, _ in places)
    assert {one["kind"] for one in whole} == {"event", "decision", "delivery"}
    first = await filled.get(path, limit=3)
    second = await filled.get(path, limit=3, cursor=first["next_cursor"])
    assert [*first["items"], *second["items"]] == whole[:6]
    newest = (await filled.get(path, limit=200, newest_first=True))["items"]
    assert newest == whole[::-1]


async def test_the_board_has_the_open_tickets_of_each_tier_nearest_breach_first(
    filled: Tracker,
) -> None:
    tickets = [one for one in await all_of(filled) if one["open"]]
    board = await filled.get("/v1/board", per_tier=3)
    assert [lane["tier"] for lane in board["tiers"]] == [1, 2, 3]
    for lane in board["tiers"]:
        of_tier = [one for one in tickets if one["tier"] == lane["tier"]]
        assert lane["open"] == len(of_tier)
        assert lane["tickets"] == of_tier[:3]
        overdue = [one for one in of_tier if due(one) < "2026-03-02T12:00:00Z"]
        assert lane["overdue"] == len(overdue)


async def test_the_sums_are_those_of_the_messages(filled: Tracker) -> None:
    stats = await filled.get("/v1/stats")
    said = many(40)
    raised = [one for one in said if b'"type":"escalation.raised"' in one.value]
    assert stats["escalations"]["raised"] == len(raised)
    assert sum(stats["escalations"]["by_track"].values()) == len(raised)
    assert stats["notices"]["sent"] == stats["notices_total"] > 0
    assert sum(stats["tickets"]["by_status"].values()) == stats["tickets"]["total"] == 40
    assert sum(stats["tickets"]["by_tier"].values()) == stats["tickets"]["open"]
    met, breached = (
        sum(one[name] for one in stats["promises"].values()) for name in ("met", "breached")
    )
    assert stats["kept_share"] == round(met / (met + breached), 4)


async def test_the_sums_say_why_notices_were_never_sent(tracker: Tracker) -> None:
    for number, why in enumerate(("overtaken", "overtaken", "acknowledged")):
        notice = {"delivery_id": str(UUID(int=number))}
        steps = [
            a_delivery("planned", 0, **notice),
            a_delivery("suppressed", 0, reason=why, **notice),
        ]
        for one in [*steps, steps[-1]]:
            value = one.text.replace(f'"{one.id}"', f'"{number}-{one.id}"').encode()
            await tracker.take([Said(DELIVERIES, "desk:A", value, [])])
    stats = await tracker.get("/v1/stats")
    assert stats["notices"]["suppressed"] == stats["notices_total"] == 3
    assert stats["suppressed"] == {"acknowledged": 1, "overtaken": 2}


async def test_the_export_has_every_ticket_of_the_question(filled: Tracker) -> None:
    answer = await filled.client.get("/v1/export.csv", params={"open": True})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [row["key"] for row in rows] == await keys(filled, open=True)


async def test_an_export_goes_on_over_many_pages(tracker: Tracker) -> None:
    events = [
        opened(f"2026-03-02T10:{n // 60:02}:{n % 60:02}Z", ticket=f"N{n}") for n in range(1001)
    ]
    await tracker.take(map(event_said, events))
    answer = await tracker.client.get("/v1/export.csv")
    found = [row["key"] for row in csv.DictReader(StringIO(answer.text))]
    assert len(found) == len(set(found)) == 1001


KEYS = ["desk:A/2", "desk:a:b", "desk:50 %", "desk:?#é", "desk:a//b", "desk:a/", "desk:.."]


@pytest.mark.parametrize("key", KEYS)
async def test_a_key_of_any_shape_has_its_ticket_timeline_and_page(
    tracker: Tracker, key: str
) -> None:
    await tracker.take(story([opened("2026-03-02T10:00:00Z", ticket=key.removeprefix("desk:"))]))
    for safe in ("", ":/"):
        path = quote(key, safe=safe)
        assert (await tracker.get(f"/v1/tickets/{path}"))["key"] == key
        assert (await tracker.get(f"/v1/tickets/{path}/timeline"))["ticket"] == key
        assert (await tracker.client.get(f"/tickets/{path}")).status_code == 200


async def test_a_case_that_was_only_decided_on_has_a_page(tracker: Tracker) -> None:
    key = "group:svc/comp/sym/region/1"
    value = decision_bytes(1, "group.opened", ticket=key, group_id=key, members=3)
    await tracker.take([Said("tickets.tier-changes", key, value, [])])
    assert (await tracker.get(f"/v1/tickets/{key}"))["status"] == "open"
    assert key in (await tracker.client.get(f"/tickets/{key}")).text


async def test_what_became_of_an_act(tracker: Tracker) -> None:
    taken = acknowledged("2026-03-02T10:20:00Z", role="t2_oncall")
    in_its_second = updated("2026-03-02T10:20:00Z", tags=["billing"])
    wrong = acknowledged("2026-03-02T10:10:00Z", role="passer_by")
    lately = an_event("feedback.given", "2026-03-02T10:59:00Z", answers={"right": "yes"}, by="x")
    events = [
        opened("2026-03-02T10:00:00Z", severity="S2", affected_users=30),
        wrong,
        in_its_second,
        taken,
        lately,
    ]
    # Deadlines pass after the last of them: what time decides says nothing of it.
    await tracker.take(story(events, parse_instant("2026-03-02T11:30:00Z")))
    accepted = await tracker.get(f"/v1/acts/{taken.id}")
    assert (accepted["state"], accepted["ticket"], accepted["by"]) == ("accepted", "desk:A", "tom")
    assert [one["type"] for one in accepted["followed"]] == ["escalation.acknowledged"]
    beside = await tracker.get(f"/v1/acts/{in_its_second.id}")
    assert (beside["state"], beside["followed"]) == ("accepted", [])
    refused = await tracker.get(f"/v1/acts/{wrong.id}")
    assert refused["state"] == "refused"
    assert refused["refusal"]["code"] == "not_eligible"
    assert "t2_oncall" in refused["refusal"]["allowed"]
    assert (await tracker.get(f"/v1/acts/{lately.id}"))["state"] == "recorded"
    unknown = await tracker.client.get("/v1/acts/never-heard-of")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_act")


async def test_a_ticket_says_how_it_stands_now(tracker: Tracker) -> None:
    events = [
        opened("2026-03-02T10:00:00Z", severity="S2", affected_users=30, title="Down"),
        updated("2026-03-02T10:05:00Z", owner="paul"),
        replied("2026-03-02T10:10:00Z"),
    ]
    await tracker.take(story(events, parse_instant("2026-03-02T10:30:00Z")))
    now = await tracker.get("/v1/tickets/desk:A")
    assert (now["tier"], now["owner"], now["status"]) == (2, "paul", "new")
    assert now["priority"] in {"P1", "P2"}
    (escalation,) = [one for one in now["escalations"] if one["track"] == "functional"]
    assert "t2_oncall" in escalation["called"]
    left = datetime.fromisoformat(now["next_deadline"]["due"]) - NOON
    assert 0 <= left.total_seconds() - now["next_deadline"]["due_in_s"] <= 1
    assert now["counters"]["notices"] == now["notices"]["sent"] > 0
    assert {one["role"] for one in now["latest_notices"]} >= {"t2_oncall"}
    assert all(one["person"] and one["channel"] == "console" for one in now["latest_notices"])


@pytest.mark.parametrize(
    ("path", "params", "status_code", "code"),
    [
        ("/v1/tickets/desk:none", {}, 404, "unknown_ticket"),
        ("/v1/tickets/desk:none/timeline", {}, 404, "unknown_ticket"),
        ("/v1/tickets", {"tier": 4}, 422, "invalid_request"),
        ("/v1/tickets", {"tier": "x"}, 422, "invalid_request"),
        ("/v1/tickets", {"limit": 0}, 422, "invalid_request"),
        ("/v1/tickets", {"limit": 201}, 422, "invalid_request"),
        ("/v1/tickets", {"sort": "colour"}, 422, "invalid_request"),
        ("/v1/tickets", {"owner": "a\0b"}, 422, "invalid_request"),
        ("/v1/tickets", {"q": "a\0b"}, 422, "invalid_request"),
        ("/v1/tickets", {"due_before": "2026-03-02"}, 422, "invalid_request"),
        ("/v1/tickets", {"due_before": "99999-01-01T00:00:00Z"}, 422, "invalid_request"),
        ("/v1/tickets", {"cursor": "WyJ4Il0"}, 422, "invalid_cursor"),
        ("/v1/tickets/desk:T0/timeline", {"cursor": "x"}, 422, "invalid_cursor"),
        ("/v1/tickets/desk%00T0", {}, 422, "invalid_request"),
        ("/v1/acts/a%00b", {}, 422, "invalid_request"),
        ("/v1/board", {"after": "x"}, 422, "invalid_after"),
        ("/v1/board", {"after": "99:0"}, 503, "not_yet_applied"),
        ("/v1/board", {"per_tier": 10**9}, 422, "invalid_request"),
        ("/v1/nothing", {}, 404, "not_found"),
        ("/v1/tickets", {"teir": 3}, 422, "invalid_request"),
        ("/v1/tickets/desk:T0/drafts", {"tier": 3}, 422, "invalid_request"),
        ("/v1/tickets/desk:T0/plan", {"after": "0:1"}, 422, "invalid_request"),
        ("/v1/stream", {"tier": 3}, 422, "invalid_request"),
        ("/v1/review", {"tier": 3}, 422, "invalid_request"),
        ("/v1/tickets/desk:T0/drafts", {"after": "0:999999"}, 503, "not_yet_applied"),
    ],
)
async def test_a_question_that_means_nothing_is_answered_with_what_to_do(
    filled: Tracker, path: str, params: dict[str, Any], status_code: int, code: str
) -> None:
    answer = await filled.client.get(path, params=params)
    assert (answer.status_code, answer.json()["code"]) == (status_code, code)
    assert answer.json()["do"].endswith(".")


async def test_nothing_can_be_written_here(filled: Tracker) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await filled.client.request(method, "/v1/tickets/desk:T0")).status_code == 405
