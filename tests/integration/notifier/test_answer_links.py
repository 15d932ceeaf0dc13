"""Answering from a mail: a signed link, a page with buttons, and nothing done by looking."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from urllib.parse import unquote, urlsplit

import httpx2
import pytest

from shared.contract.events import decode_event
from shared.contract.topics import TICKET_EVENTS
from tests.support.decisions import a_decision, calls
from tests.support.http_peer import Answer, Peer, Request, http_peer
from tests.support.intake_service import intake_process
from tests.support.kafka_topics import a_topic, all_records
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
    assert '<meta name="color-scheme" content="light dark">' in page.text
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
    acts = [one.json() for one in intake.got]
    assert len({act.pop("id") for act in acts}) == 1
    assert {unquote(one.path) for one in intake.got} == {"/v1/tickets/desk:A/acts"}
    del acts[0]["time"]
    assert acts[0] == {
        "type": "escalation.acknowledged",
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


async def test_a_refusal_that_has_no_words_of_ours_is_told_in_intake_s(desk: Desk) -> None:
    async def refuses(_: Request) -> Answer:
        text = b'{"code": "invalid_field", "detail": "by: too long", "do": "Send it shorter."}'
        return Answer(422, {"content-type": "application/problem+json"}, text)

    async with http_peer(refuses) as intake, desk.notifier(**settings(intake)) as client:
        link = await link_in_mail(desk)
        answer = await post(client, link, act="acknowledge")
    assert answer.status_code == 409
    assert "It was not taken: by: too long; Send it shorter." in answer.text


async def test_intake_takes_an_answer_or_says_at_once_why_not_and_what_it_would_take(
    desk: Desk,
) -> None:
    lacks = [{"field": "suggested_path", "why": "the form `returned` of required_info asks for it"}]
    verdicts = {
        "escalation.returned": {"code": "missing_information", "missing": lacks},
        "escalation.requested": {"code": "not_permitted", "allowed": ["t2_lead"]},
    }

    async def judges(asked: Request) -> Answer:
        verdict = {"ticket": "desk:A", "version": 1, "refused": verdicts.get(asked.json()["type"])}
        return Answer(200, {"content-type": "application/json"}, json.dumps(verdict).encode())

    topic = await a_topic(desk.ledger.kafka, f"{desk.ledger.prefix}{TICKET_EVENTS}")
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": desk.ledger.kafka,
        "TIERLINE_TOPIC_PREFIX": desk.ledger.prefix,
    }
    async with (
        http_peer(judges) as escalator,
        intake_process({**environ, "INTAKE_ESCALATOR_URL": escalator.url}) as intake,
        desk.notifier(
            NOTIFIER_INTAKE_URL=str(intake.client.base_url),
            NOTIFIER_ANSWER_URL="https://tierline.example.org",
            NOTIFIER_ANSWER_KEY=KEY,
        ) as client,
    ):
        link = await link_in_mail(desk)
        thin = await post(client, link, act="return", reason_code="wrong_team", what="Bills")
        forbidden = await post(client, link, act="escalate", what="The bank waits")
        taken = await post(client, link, act="acknowledge")
    assert (thin.status_code, forbidden.status_code, taken.status_code) == (409, 409, 200)
    assert "information that the policy asks for is missing" in thin.text
    assert "What was missing: suggested path." in thin.text
    assert "your role may not do this. What would be accepted: t2 lead." in forbidden.text
    events = [decode_event(one.value or b"") for one in await all_records(desk.ledger.kafka, topic)]
    assert [one.type for one in events] == ["act.drafted", "escalation.acknowledged"]
    assert events[1].ticket == "desk:A"
    assert events[1].data.model_dump(exclude_unset=True) == {
        "by": "ana",
        "role": "t2_oncall",
        "escalation_id": "esc-1",
    }


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
    about = {"title": "</p><script>alert(1)</script>"}
    opened = a_decision("case.opened", 1, about=about)
    raised = a_decision(version=2, about=about, notify=calls("t2_oncall"))
    async with desk.notifier(**settings(intake)) as client:
        await desk.ledger.decide(opened, raised)
        await desk.mail.until_got(1)
        (found,) = re.findall(r"https://tierline\.example\.org\S+", body(desk.mail.got[0]))
        page = await client.get(urlsplit(found).path)
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
