"""The hard cases that need real channels: a text in the pipe, a chat that is down, a storm."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.support.consuming import until
from tests.support.decisions import a_decision, calls
from tests.support.http_peer import Answer, Peer, Request, http_peer
from tests.support.notifier_desk import Desk
from tests.support.notifier_service import states
from tests.support.slack_server import TOKEN, slack_server

PEOPLE = """
roster: {name: test, version: 1}
modes: {page: [slack, sms], chat: [slack], email: [email], digest: [email]}
people:
  ana: {name: Ana Abel, email: ana@example.org, slack: U0ANA, sms: "+431234567"}
  ben: {name: Ben Berg, sms: "+431234568", modes: {page: [sms]}}
groups:
  tier-2: {name: Tier 2, slack: C0TIER2}
roles: {t2_oncall: ana, t2_lead: ben, t2_queue: tier-2}
"""


def settings(folder: Path, slack_url: str, provider: Peer, **given: str) -> dict[str, str]:
    roster = folder / "people.yaml"
    roster.write_text(PEOPLE, encoding="utf-8")
    return {
        "NOTIFIER_ROSTER_FILE": str(roster),
        "NOTIFIER_SLACK_URL": slack_url,
        "NOTIFIER_SLACK_TOKEN": TOKEN,
        "NOTIFIER_SLACK_PER_S": "100",
        "NOTIFIER_PHONE_URL": provider.url,
        "NOTIFIER_PHONE_ACCOUNT": "AC1",
        "NOTIFIER_PHONE_TOKEN": "env:PHONE_TOKEN",
        "NOTIFIER_PHONE_FROM": "+439999999",
        "NOTIFIER_PHONE_PER_S": "100",
        **given,
    }


AT_ONCE = timedelta(seconds=5)

STORM = int(os.environ.get("TIERLINE_TEST_STORM", "2000"))
"""Escalations of the storm; a bad minute has 10,000, which the variable sets."""


@pytest.fixture(autouse=True)
def phone_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHONE_TOKEN", "nobody's")


async def test_h20_a_text_in_the_pipe_is_suppressed_when_somebody_acknowledges_first(
    desk: Desk, tmp_path: Path
) -> None:
    async def busy(_: Request) -> Answer:
        return Answer(429, {"retry-after": "4"})

    async with slack_server() as slack, http_peer(busy) as provider:
        async with desk.notifier(**settings(tmp_path, slack.url, provider)):
            await desk.ledger.decide(a_decision(notify=calls("t2_lead")))
            await desk.ledger.until("state = 'retry' FROM delivery")
            await desk.ledger.decide(
                a_decision("escalation.acknowledged", 2, by="ana", role="t2_oncall")
            )
            await desk.ledger.until_finished(1)
        assert len(provider.got) == 1
    assert states(await desk.ledger.deliveries()) == [("t2_lead", "suppressed", "acknowledged")]


async def test_h33_when_chat_is_down_a_p1_goes_out_as_a_text_at_once_and_nothing_old_comes_later(
    desk: Desk, tmp_path: Path
) -> None:
    async def takes(_: Request) -> Answer:
        return Answer(201, body=b'{"sid": "SM1"}')

    async with slack_server() as slack, http_peer(takes) as provider:
        slack.failing = "service_unavailable"
        async with desk.notifier(**settings(tmp_path, slack.url, provider)):
            await desk.ledger.decide(a_decision(priority="P1", notify=calls("t2_oncall")))
            await desk.ledger.until_finished(2)
            slack.failing = None
            second = a_decision(
                "escalation.notice_due", 2, priority="P1", step=0, notify=calls("t2_oncall")
            )
            await desk.ledger.decide(second)
            await desk.ledger.until_finished(3)
        (text,) = provider.got
        (shown,) = slack.messages
        (mail,) = desk.mail.got
    tried = await desk.ledger.rows("SELECT * FROM attempt ORDER BY started_at")
    came = [(one["channel"], one["outcome"]) for one in tried]
    assert (came[0], came[3]) == (("slack", "failed"), ("slack", "accepted"))
    assert sorted(came[1:3]) == [("email", "accepted"), ("sms", "accepted")]
    assert max(one["started_at"] for one in tried[1:3]) - tried[0]["ended_at"] < AT_ONCE
    assert "escalated to tier 2" in parse_qs(text.body.decode())["Body"][0]
    assert "escalated to tier 2" in str(mail["Subject"])
    assert "a call (step 1 of its ladder)" in shown.text


async def test_h33_when_the_text_fails_too_the_one_mail_reaches_the_person(
    desk: Desk, tmp_path: Path
) -> None:
    async def refuses(_: Request) -> Answer:
        return Answer(400)

    async with slack_server() as slack, http_peer(refuses) as provider, http_peer() as intake:
        slack.failing = "service_unavailable"
        given = settings(tmp_path, slack.url, provider, NOTIFIER_INTAKE_URL=intake.url)
        async with desk.notifier(**given):
            await desk.ledger.decide(a_decision(priority="P1", notify=calls("t2_oncall")))
            await desk.mail.until_got(1)
            await desk.ledger.until("rounds >= 2 FROM delivery WHERE purpose = 'notice'")
            taken = a_decision("escalation.acknowledged", 2, by="ana", role="t2_oncall")
            await desk.ledger.decide(taken)
            await desk.ledger.until_finished(2)
    found = {row["purpose"]: row["state"] for row in await desk.ledger.deliveries()}
    assert found == {"copy": "sent", "notice": "suppressed"}
    assert len(desk.mail.got) == 1
    assert intake.got == []


async def test_h33_while_the_chat_is_known_to_be_down_each_call_is_a_text_and_a_mail(
    desk: Desk, tmp_path: Path
) -> None:
    async def takes(_: Request) -> Answer:
        return Answer(201, body=b'{"sid": "SM1"}')

    grave = a_decision(ticket="desk:B", escalation_id="b", priority="P1", notify=calls("t2_oncall"))
    async with (
        slack_server() as slack,
        http_peer(takes) as provider,
        desk.notifier(**settings(tmp_path, slack.url, provider)),
    ):
        await desk.ledger.decide(a_decision(priority="P3", notify=calls("t2_oncall")))
        await desk.ledger.until_finished(1)
        await desk.ledger.rows(
            "UPDATE gate SET failures = 5, open_until = clock_timestamp() + interval '1 hour'"
            " WHERE gate LIKE 'slack:%'"
        )
        await desk.ledger.decide(grave)
        await desk.ledger.until_finished(3)
    found = await desk.ledger.rows("SELECT channel FROM attempt ORDER BY channel")
    assert [one["channel"] for one in found] == ["email", "slack", "sms"]


async def test_a_storm_to_one_channel_is_ten_messages_at_most_and_a_p1_in_it_is_called_at_once(
    desk: Desk, tmp_path: Path
) -> None:
    tickets = [f"desk:T{number:05}" for number in range(STORM)]
    storm = [a_decision(ticket=ticket, notify=calls("t2_queue", mode="chat")) for ticket in tickets]
    grave = a_decision(
        ticket="desk:GRAVE", escalation_id="g", priority="P1", notify=calls("t2_queue")
    )

    async def takes(_: Request) -> Answer:
        return Answer(201)

    async with slack_server() as slack, http_peer(takes) as provider:
        given = settings(tmp_path, slack.url, provider, NOTIFIER_SLACK_PER_S="1")
        given |= {"NOTIFIER_PERSON_BURST": "2", "NOTIFIER_PERSON_EVERY": "PT4S"}

        async def named() -> bool:
            shown = "".join(one.shown for one in slack.messages)
            return all(ticket in shown for ticket in tickets)

        async with desk.notifier(**given):
            await desk.ledger.decide(*storm[: STORM // 2])
            await desk.ledger.until("count(*) >= 100 FROM delivery")
            await desk.ledger.decide(grave, *storm[STORM // 2 :])
            await desk.ledger.until_finished(STORM + 1, within_s=240)
            await until(named)
        assert slack.refused == []
        of_the_storm = [one for one in slack.messages if "desk:GRAVE" not in json.dumps(one.text)]
    assert len(of_the_storm) <= 10
    (called,) = await desk.ledger.rows(
        "SELECT a.started_at - d.planned_at AS waited FROM delivery d"
        " JOIN attempt a ON a.delivery_id = d.id WHERE d.ticket = 'desk:GRAVE'"
    )
    assert called["waited"] < timedelta(seconds=5)
    (left,) = await desk.ledger.rows("SELECT count(*) FROM delivery WHERE state <> 'delivered'")
    assert left[0] == 0
