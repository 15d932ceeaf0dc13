"""The forms after an escalation and after a shift: asked on a page, answered through intake."""

from __future__ import annotations

import json

import pytest

from tests.integration.tracker.test_pages import HOSTILE, Tree, page
from tests.support.http_peer import Answer, Request, http_peer
from tests.support.ticket_events import opened
from tests.support.tracker_service import Tracker, asking
from tests.support.tracker_stream import story

SHIFT = {"ticket": "desk:A", "by": "olga", "role": "t2_oncall", "id": "feedback-1", "load": "4"}


async def accepted(_: Request) -> Answer:
    landed = {"act_id": "feedback-1", "ticket": "desk:A", "partition": 3, "offset": 41}
    return Answer(202, {"content-type": "application/json"}, json.dumps(landed).encode())


@pytest.mark.parametrize("form", ["receiver", "sender", "shift"])
async def test_every_form_is_a_page_that_needs_no_script(tracker: Tracker, form: str) -> None:
    async with http_peer(accepted) as peer, asking(tracker.database, intake_url=peer.url) as client:
        answer = await client.get(f"/feedback/{form}", params={"ticket": HOSTILE})
    shown = Tree(answer.text)
    assert answer.status_code == 200
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert ("action", f"/feedback/{form}") in shown.attributes
    assert not [name for name, _ in shown.attributes if name.startswith("on")]
    assert "img" not in shown.tags


async def test_answers_after_a_shift_go_to_intake_as_an_act_on_the_ticket(
    tracker: Tracker,
) -> None:
    await tracker.take(story([opened("2026-03-02T10:00:00Z")]))
    filled = {**SHIFT, "missing": "the one of the printers", "needless": " "}
    async with http_peer(accepted) as peer, asking(tracker.database, intake_url=peer.url) as client:
        answer = await client.post("/feedback/shift", data=filled)
        (got,) = peer.got
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/feedback/shift?did=feedback-1&after=3:41",
    )
    assert got.path == "/v1/tickets/desk%3AA/acts"
    assert got.json() == {
        "type": "feedback.given",
        "id": "feedback-1",
        "by": "olga",
        "role": "t2_oncall",
        "answers": {"form": "shift", "load": "4", "missing": "the one of the printers"},
    }


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"ticket": "desk:B"}, "desk:B"),
        ({"ticket": "nothing"}, "is no ticket key"),
        ({"load": ""}, "answer one question at least"),
        ({"load": "9"}, "is none of 1, 2, 3, 4, 5"),
    ],
)
async def test_what_cannot_be_taken_is_said_and_what_was_written_is_kept(
    tracker: Tracker, changed: dict[str, str], why: str
) -> None:
    await tracker.take(story([opened("2026-03-02T10:00:00Z")]))
    filled = {**SHIFT, "by": "<b>olga", **changed}
    async with http_peer(accepted) as peer, asking(tracker.database, intake_url=peer.url) as client:
        answer = await client.post("/feedback/shift", data=filled)
        assert not peer.got
    assert answer.status_code == 422
    assert why in Tree(answer.text).text
    assert 'value="&lt;b&gt;olga"' in answer.text


async def test_a_form_of_another_site_is_refused(tracker: Tracker) -> None:
    async with http_peer(accepted) as peer, asking(tracker.database, intake_url=peer.url) as client:
        headers = {"sec-fetch-site": "cross-site"}
        answer = await client.post("/feedback/shift", data=SHIFT, headers=headers)
        assert not peer.got
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_form")


async def test_without_intake_the_page_says_so_and_has_no_form(tracker: Tracker) -> None:
    shown = await page(tracker, "/feedback/shift")
    assert "TRACKER_INTAKE_URL is not set" in shown
    assert 'action="/feedback/shift"' not in shown
