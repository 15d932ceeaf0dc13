"""Answering from a mail: a signed link, a page with buttons, and nothing done by looking."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2
import pytest

from shared.contract.events import decode_event
from tests.support.decisions import a_decision, calls
from tests.support.http_peer import Answer, Peer, Request, http_peer
from tests.support.mailbox import body
from tests.support.notifier_desk import Desk

KEY = "a key of thirty-two bytes or more"
CALLED = a_decision(notify=calls("t2_oncall"), ack_due="2026-03-02T10:15:00Z")
TAKEN_BY_BEN = a_decision("escalation.acknowledged", 2, by="ben", role="t2_lead")


@pytest.fixture
async def intake() -> AsyncIterator[Peer]:
    async def takes(_: Request) -> Answer:
        return Answer(202)

    async with http_peer(takes) as peer:
        yield peer


def settings(intake: Peer, **given: str) -> dict[str, str]:
    return {
        "NOTIFIER_INTAKE_URL": intake.url,
        "NOTIFIER_ANSWER_URL": "https://tierline.example.org",
        "NOTIFIER_ANSWER_KEY": KEY,
        **given,
    }


async def link_in_mail(desk: Desk) -> str:
    """Return the path of the answer link in Ana's mail."""
    await desk.ledger.decide(CALLED)
    await desk.mail.until_got(1)
    await desk.ledger.until_finished(1)
    (found,) = re.findall(r"https://tierline\.example\.org\S+", body(desk.mail.got[0]))
    return str(urlsplit(found).path)


async def post(client: httpx2.AsyncClient, link: str, **form: str) -> httpx2.Response:
    return await client.post(link, data=form)


async def test_whatever_looks_at_a_link_acknowledges_nothing(desk: Desk, intake: Peer) -> None:
    async with desk.notifier(**settings(intake)) as client:
        link = await link_in_mail(desk)
        for method in ("GET", "HEAD", "GET", "OPTIONS"):
            answer = await client.request(method, link)
            assert answer.status_code in (200, 405)
        page = await client.get(link)
    assert intake.got == []
    assert '<form method="post">' in page.text
    assert 'value="acknowledge"' in page.text
    assert "<script" not in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_a_pressed_button_acknowledges_as_the_person_that_the_link_is_bound_to(
    desk: Desk, intake: Peer
) -> None:
    async with desk.notifier(**settings(intake)) as client:
        link = await link_in_mail(desk)
        answer = await post(client, link, act="acknowledge", by="eve", role="exec_oncall")
        again = await post(client, link, act="acknowledge")
    assert (answer.status_code, again.status_code) == (200, 200)
    assert "has been handed in" in answer.text
    events = [decode_event(one.body) for one in intake.got]
    assert {event.id for event in events} == {events[0].id}
    assert events[0].data.model_dump(exclude_unset=True) == {
        "by": "ana",
        "role": "t2_oncall",
        "escalation_id": "esc-1",
    }


async def test_h20_whoever_acknowledges_second_reads_who_was_first_and_no_error(
    desk: Desk, intake: Peer
) -> None:
    async with desk.notifier(**settings(intake)) as client:
        link = await link_in_mail(desk)
        await desk.ledger.decide(TAKEN_BY_BEN)
        await desk.ledger.until("calls -> 'esc-1' ->> 'by' = 'ben' FROM ticket")
        page = await client.get(link)
        answer = await post(client, link, act="acknowledge")
    assert answer.status_code == 200
    for shown in (page.text, answer.text):
        assert "Already acknowledged by Ben Berg at 2026-03-02 10:00:00 UTC" in shown
    assert 'value="acknowledge"' not in page.text
    assert intake.got == []


async def test_intake_s_refusal_is_told_in_its_own_words(desk: Desk) -> None:
    async def refuses(_: Request) -> Answer:
        text = b'{"detail": "data.by: too long", "do": "Send it shorter."}'
        return Answer(422, {"content-type": "application/problem+json"}, text)

    async with http_peer(refuses) as intake, desk.notifier(**settings(intake)) as client:
        link = await link_in_mail(desk)
        answer = await post(client, link, act="acknowledge")
    assert answer.status_code == 409
    assert "data.by: too long; Send it shorter." in answer.text


async def test_an_answer_that_cannot_be_handed_in_is_not_said_to_be_taken(desk: Desk) -> None:
    async def away(_: Request) -> Answer:
        return Answer(503)

    async with http_peer(away) as intake, desk.notifier(**settings(intake)) as client:
        link = await link_in_mail(desk)
        answer = await post(client, link, act="acknowledge")
    assert answer.status_code == 409
    assert "try again" in answer.text


async def test_a_forged_link_or_an_unknown_answer_is_refused(desk: Desk, intake: Peer) -> None:
    async with desk.notifier(**settings(intake)) as client:
        link = await link_in_mail(desk)
        assert (await post(client, link, act="resolve")).status_code == 400
        assert (await post(client, link)).status_code == 400
        assert (await post(client, f"{link}x", act="acknowledge")).status_code == 400
        assert (await client.get("/v1/answers/x")).status_code == 400
    assert intake.got == []


async def test_no_title_breaks_the_page(desk: Desk, intake: Peer) -> None:
    opened = a_decision(
        "case.opened",
        1,
        because={
            "triggers": [],
            "facts": {"title": "</p><script>alert(1)</script>"},
            "arithmetic": [],
        },
    )
    raised = a_decision(version=2, notify=calls("t2_oncall"))
    async with desk.notifier(**settings(intake)) as client:
        await desk.ledger.decide(opened, raised)
        await desk.mail.until_got(1)
        (found,) = re.findall(r"https://tierline\.example\.org\S+", body(desk.mail.got[0]))
        page = await client.get(urlsplit(found).path)
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
