"""Why, asked of the tracker while the escalator is not there: all the rest still answers."""

import pytest

from services.tracker.dashboard import pages
from shared.contract.times import parse_instant
from tests.support.http_peer import CUT, Answer, Respond, http_peer, never
from tests.support.ticket_events import opened
from tests.support.tracker_service import Tracker, asking
from tests.support.tracker_stream import story


async def heard(tracker: Tracker) -> None:
    events = [opened("2026-03-02T10:00:00Z")]
    await tracker.take(story(events, parse_instant("2026-03-03T12:00:00Z")))


async def cut(_: object) -> Answer:
    return CUT


async def broken(_: object) -> Answer:
    return Answer(500)


async def another(_: object) -> Answer:
    return Answer(404, {"content-type": "text/plain"}, b"nginx")


async def nonsense(_: object) -> Answer:
    return Answer(200, {"content-type": "application/json"}, b'{"ticket": 7}')


async def test_without_an_address_of_the_escalator_it_says_which_setting_is_missing(
    tracker: Tracker,
) -> None:
    await heard(tracker)
    for what in ("plan", "explain"):
        answer = await tracker.client.get(f"/v1/tickets/desk:A/{what}")
        assert (answer.status_code, answer.json()["code"]) == (503, "escalator_unavailable")
        assert "TRACKER_ESCALATOR_URL" in answer.json()["detail"]
        assert 1 <= int(answer.headers["retry-after"]) <= 5


@pytest.mark.parametrize("respond", [cut, broken, another, nonsense])
async def test_while_the_escalator_is_away_the_case_is_shown_without_reasons(
    tracker: Tracker, respond: Respond
) -> None:
    await heard(tracker)
    async with http_peer(respond) as peer, asking(tracker.database, peer.url) as client:
        answer = await client.get("/v1/tickets/desk:A/explain")
        page = await client.get("/tickets/desk:A")
        now = await client.get("/v1/tickets/desk:A")
    assert (answer.status_code, answer.json()["code"]) == (503, "escalator_unavailable")
    assert page.status_code == 200
    assert "Only the escalator knows, and it has not answered" in page.text
    assert "Moved up from tier 1 to tier 2" in page.text
    assert now.status_code == 200


async def test_a_page_does_not_wait_for_an_escalator_that_hangs(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_PATIENCE_S", 0.2)
    await heard(tracker)
    async with http_peer(never) as peer, asking(tracker.database, peer.url) as client:
        page = await client.get("/tickets/desk:A")
    assert page.status_code == 200
    assert "Only the escalator knows" in page.text


async def test_a_later_page_of_the_timeline_asks_for_no_reasons(tracker: Tracker) -> None:
    await heard(tracker)
    timeline = await tracker.get("/v1/tickets/desk:A/timeline", limit=3, newest_first=True)
    async with http_peer(cut) as peer, asking(tracker.database, peer.url) as client:
        page = await client.get("/tickets/desk:A", params={"cursor": timeline["next_cursor"]})
    assert page.status_code == 200
    assert peer.got == []
