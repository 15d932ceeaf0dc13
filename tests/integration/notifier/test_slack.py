"""Slack: one thread for each case, one card kept current, buttons, forms and case rooms."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.consuming import until
from tests.support.decisions import a_decision, calls
from tests.support.http_peer import Answer, Peer, Request, http_peer
from tests.support.notifier_desk import Desk
from tests.support.slack_server import (
    SIGNING,
    TOKEN,
    Posted,
    SlackServer,
    fill,
    press,
    send,
    signed,
    slack_server,
)

ROSTER = """
roster: {name: test, version: 1}
modes: {page: [slack, email], chat: [slack, email], email: [email], digest: [email]}
people:
  ana: {name: Ana Abel, email: ana@example.org, slack: U0ANA, modes: {chat: [slack]}}
  ben: {name: Ben Berg, email: ben@example.org, slack: U0BEN}
groups:
  tier-2: {name: Tier 2, slack: C0TIER2}
  security: {name: Security, slack: C0SEC, restricted: true}
roles:
  t2_queue: tier-2
  t2_specialist: tier-2
  t2_oncall: ana
  t2_lead: ben
  security_duty: security
"""
CHANNELS = """
channels:
  tier2: {chat: "#sup-tier2", to: tier-2, post: [t2_oncall, t2_lead], members: [ana, ben]}
  lost: {chat: "#lost", to: security, hears: [tier3], post: [t2_lead], members: [ben]}
  leads: {chat: "#leads", post: [t2_lead], members: [ben]}
"""


async def intake_takes(_: Request) -> Answer:
    """Answer as intake does."""
    return Answer(202)


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with slack_server() as server:
        yield server


@pytest.fixture
async def intake() -> AsyncIterator[Peer]:
    async with http_peer(intake_takes) as peer:
        yield peer


@asynccontextmanager
async def notifier(
    desk: Desk, folder: Path, slack: SlackServer, intake: Peer, channels: str = "", **given: str
) -> AsyncIterator[httpx2.AsyncClient]:
    roster = folder / "slack.yaml"
    roster.write_text(ROSTER + channels, encoding="utf-8")
    settings = {
        "NOTIFIER_ROSTER_FILE": str(roster),
        "NOTIFIER_SLACK_URL": slack.url,
        "NOTIFIER_SLACK_TOKEN": TOKEN,
        "NOTIFIER_SLACK_SIGNING_SECRET": SIGNING,
        "NOTIFIER_SLACK_PER_S": "100",
        "NOTIFIER_INTAKE_URL": intake.url,
        **given,
    }
    async with desk.notifier(**settings) as client:
        yield client


RAISED = a_decision(notify=calls("t2_queue", mode="chat"), ack_due="2026-03-02T10:15:00Z")


async def test_a_case_is_one_thread_and_its_card_is_updated_in_place(
    desk: Desk, tmp_path: Path, slack: SlackServer, intake: Peer
) -> None:
    again = a_decision("escalation.notice_due", 2, step=0, notify=calls("t2_queue", mode="page"))
    taken = a_decision("escalation.acknowledged", 3, by="ana", role="t2_oncall")
    async with notifier(desk, tmp_path, slack, intake):
        await desk.ledger.decide(RAISED)
        await desk.ledger.until_finished(1)
        await desk.ledger.decide(again)
        await desk.ledger.until_finished(2)
        await desk.ledger.decide(taken)
        await slack.until_shows("acknowledged by Ana Abel")
    (card,) = slack.cards("C0TIER2")
    (reply,) = [one for one in slack.messages if one.thread is not None]
    assert (reply.thread, reply.broadcast) == (card.ts, True)
    assert card.versions > 1
    assert card.button("acknowledge") is None
    assert card.button("return") is not None
    assert slack.refused == []


async def test_who_is_in_a_channel_is_asked_of_slack_and_not_of_the_list(
    desk: Desk, tmp_path: Path, slack: SlackServer, intake: Peer
) -> None:
    inside = ["U0APP", "U0SOMEBODY", "U0BEN"]
    slack.rooms["C0TIER2"] = {"name": "sup-tier2", "members": inside, "archived": False}
    async with notifier(desk, tmp_path, slack, intake, CHANNELS) as client:
        report = (await client.get("/v1/channels/access")).json()
    # The list says that ana is in it, and of the channel that Slack does not know nothing holds.
    missing = {(one["channel"], one["person"]) for one in report["missing"]}
    assert missing == {("tier2", "ana"), ("lost", "ben")}
    assert report["unlisted"] == ["lost"]


async def test_a_pressed_button_is_that_person_s_act(
    desk: Desk, tmp_path: Path, slack: SlackServer, intake: Peer
) -> None:
    async with notifier(desk, tmp_path, slack, intake) as client:
        card = await raised_card(desk, slack)
        answer = await press(client, card, "acknowledge", user="U0ANA")
        await until(_said(slack, "has been handed in"))
    assert answer.status_code == 200
    (request,) = intake.got
    act = request.json()
    del act["id"], act["time"]
    assert act == {
        "type": "escalation.acknowledged",
        "by": "ana",
        "role": "t2_oncall",
        "escalation_id": "esc-1",
    }
    kept = await desk.ledger.rows("SELECT person, act, through FROM answer")
    assert [tuple(one) for one in kept] == [("ana", "acknowledge", "slack")]


async def test_h20_who_presses_second_is_told_who_was_first_and_sees_no_error(
    desk: Desk, tmp_path: Path, slack: SlackServer, intake: Peer
) -> None:
    async with notifier(desk, tmp_path, slack, intake) as client:
        card = await raised_card(desk, slack)
        stale = json.loads(json.dumps(card.blocks))
        await desk.ledger.decide(
            a_decision("escalation.acknowledged", 2, by="ana", role="t2_oncall")
        )
        await slack.until_shows("acknowledged by Ana Abel")
        card.blocks = stale
        answer = await press(client, card, "acknowledge", user="U0BEN")
        await until(_said(slack, "Already acknowledged by Ana Abel"))
    assert answer.status_code == 200
    assert intake.got == []


async def test_a_refused_answer_is_told_to_its_giver_with_what_would_be_accepted(
    desk: Desk, tmp_path: Path, slack: SlackServer, intake: Peer
) -> None:
    async with notifier(desk, tmp_path, slack, intake) as client:
        card = await raised_card(desk, slack)
        await press(client, card, "acknowledge", user="U0BEN")
        await intake.until_got(1)
        act = json.loads(intake.got[0].body)["id"]
        refused = a_decision(
            "act.refused", 2, act_id=act, by="ben", code="not_eligible", allowed=["t2_oncall"]
        )
        await desk.ledger.decide(refused)
        await slack.until_shows("What would be accepted: t2 oncall.")
    (told,) = [one for one in slack.messages if one.channel == "D0BEN"]
    assert "your acknowledgement was not taken" in told.text


async def test_return_and_escalate_ask_for_their_reasons_in_a_form_and_snooze_takes_a_choice(
    desk: Desk, tmp_path: Path, slack: SlackServer, intake: Peer
) -> None:
    async with notifier(desk, tmp_path, slack, intake) as client:
        card = await raised_card(desk, slack)
        await press(client, card, "return", user="U0ANA")
        await until(_has(slack, 1))
        await press(client, card, "escalate", user="U0ANA")
        await until(_has(slack, 2))
        await fill(
            client,
            slack.views[0],
            user="U0ANA",
            reason_code="wrong_team",
            what="It is about bills",
            path="Ask billing",
        )
        await fill(client, slack.views[1], user="U0ANA", what="The bank is waiting")
        await press(client, card, "snooze", user="U0ANA", chosen="PT1H")
        await intake.until_got(3)
    given = {act["type"]: act for act in (one.json() for one in intake.got)}
    assert given["escalation.returned"]["info"] == {
        "reason_code": "wrong_team",
        "what_is_missing_or_wrong": "It is about bills",
        "suggested_path": "Ask billing",
    }
    assert given["escalation.requested"]["reason"] == "The bank is waiting"
    assert given["case.snoozed"]["by"] == "ana"
    assert given["case.snoozed"]["until"]


async def test_only_slack_itself_can_answer_and_only_for_five_minutes(
    desk: Desk, tmp_path: Path, slack: SlackServer, intake: Peer
) -> None:
    body = b"payload=%7B%22type%22%3A%22block_actions%22%7D"
    now = int(time.time())
    async with notifier(desk, tmp_path, slack, intake) as client:
        tried = [
            (signed(body), 200),
            (signed(body, by="x"), 401),
            (signed(body, at=now - 400), 401),
            (signed(body, at=now + 400), 401),
            (signed(body + b"x"), 401),
            ({}, 401),
            ({"x-slack-request-timestamp": "x", "x-slack-signature": "v0=1"}, 401),
        ]
        for headers, expected in tried:
            answer = await client.post("/v1/answers/slack", content=body, headers=headers)
            assert answer.status_code == expected, headers
        for payload in ({"type": "block_actions", "actions": "x"}, {"type": 1}, {}):
            assert (await send(client, payload)).status_code == 200
    assert intake.got == []


async def test_a_stranger_is_told_that_the_roster_does_not_know_them(
    desk: Desk, tmp_path: Path, slack: SlackServer, intake: Peer
) -> None:
    async with notifier(desk, tmp_path, slack, intake) as client:
        card = await raised_card(desk, slack)
        await press(client, card, "acknowledge", user="U0EVE")
        await until(_said(slack, "U0EVE stands in no entry of the roster"))
    assert intake.got == []


async def test_slack_s_rate_is_kept_and_its_wish_for_time_obeyed(
    desk: Desk, tmp_path: Path, intake: Peer
) -> None:
    async with slack_server(per_s=2) as slack:
        storm = [
            a_decision(
                "timer.warned", ticket=f"desk:{number}", timer="resolve", notify=calls("t2_queue")
            )
            for number in range(6)
        ]
        async with notifier(desk, tmp_path, slack, intake, NOTIFIER_AT_ONCE="1"):
            await desk.ledger.decide(*storm)
            await desk.ledger.until_finished(6)
        assert len(slack.messages) == 6
        assert slack.limited
        assert slack.early == []
        states = {row["state"] for row in await desk.ledger.deliveries()}
        assert states == {"delivered"}


async def test_a_restricted_case_shows_nothing_but_its_number_in_an_open_room(
    desk: Desk, tmp_path: Path, slack: SlackServer, intake: Peer
) -> None:
    raised = a_decision(
        restricted=True,
        about={"title": "Stolen keys"},
        notify=calls("t2_queue", "security_duty", mode="chat"),
    )
    async with notifier(desk, tmp_path, slack, intake):
        await desk.ledger.decide(raised)
        await desk.ledger.until_finished(2)
    (in_the_open,) = slack.cards("C0TIER2")
    (inside,) = slack.cards("C0SEC")
    assert "desk:A" in in_the_open.shown
    assert "Stolen keys" not in in_the_open.shown
    assert "tier 1 has had it" not in in_the_open.shown
    assert "Stolen keys" in inside.shown


async def test_h08_a_lowered_severity_is_one_line_in_the_case_room_and_calls_nobody(
    desk: Desk, tmp_path: Path, slack: SlackServer, intake: Peer
) -> None:
    raised = a_decision(tier=3, priority="P1", cell="S1/I3", notify=calls("t2_oncall"))
    lowered = a_decision(
        "case.reclassified",
        2,
        tier=3,
        priority="P3",
        cell="S3/I3",
        **{"from": "S1/I3", "to": "S3/I3"},
    )
    closed = a_decision("case.closed", 3, status="resolved")
    async with notifier(desk, tmp_path, slack, intake, NOTIFIER_SLACK_ROOMS="true"):
        await desk.ledger.decide(raised)
        await desk.ledger.until("count(*) = 1 FROM room WHERE 'ana' = ANY(invited)")
        before = len(slack.messages)
        await desk.ledger.decide(lowered)
        await desk.ledger.until_finished(2)
        (line,) = slack.messages[before:]
        await desk.ledger.decide(closed)
        await desk.ledger.until("state = 'archived' FROM room")
    (room,) = slack.rooms.values()
    assert (room["name"], room["members"], room["archived"]) == ("esc-desk-a", ["U0ANA"], True)
    assert "its classification changed from S1/I3 to S3/I3" in line.text
    assert (line.channel, line.broadcast) == (room["id"], False)
    rows = await desk.ledger.deliveries()
    assert [(row["role"], row["fyi"]) for row in rows] == [
        ("t2_oncall", False),
        ("case_room", True),
    ]


@pytest.mark.parametrize(
    ("apps_unarchive", "rooms"),
    [
        (True, {"esc-desk-a": False}),
        # Slack takes no bot's token for it.
        (False, {"esc-desk-a": True, "esc-desk-a-2": False}),
    ],
    ids=["where Slack lets us", "where it does not, in a room of its own"],
)
async def test_a_reopened_case_has_its_room_again(
    desk: Desk,
    tmp_path: Path,
    slack: SlackServer,
    intake: Peer,
    *,
    apps_unarchive: bool,
    rooms: dict[str, bool],
) -> None:
    slack.apps_unarchive = apps_unarchive
    grave: dict[str, Any] = {"tier": 3, "priority": "P1"}
    async with notifier(desk, tmp_path, slack, intake, NOTIFIER_SLACK_ROOMS="true"):
        await desk.ledger.decide(a_decision(notify=calls("t2_oncall"), **grave))
        await desk.ledger.until("count(*) = 1 FROM room WHERE 'ana' = ANY(invited)")
        await desk.ledger.decide(a_decision("case.closed", 2, status="resolved", **grave))
        await desk.ledger.until("state = 'archived' FROM room")
        await desk.ledger.decide(a_decision("case.reopened", 3, **grave))
        await desk.ledger.until("state = 'open' AND 'ana' = ANY(invited) FROM room")
        (kept,) = await desk.ledger.rows("SELECT channel FROM room")
        (card,) = await desk.ledger.rows("SELECT channel FROM card WHERE place = 'room'")
    assert {one["name"]: one["archived"] for one in slack.rooms.values()} == rooms
    assert not slack.rooms[kept["channel"]]["archived"]
    assert card["channel"] == kept["channel"]
    assert "U0ANA" in slack.rooms[kept["channel"]]["members"]


async def raised_card(desk: Desk, slack: SlackServer) -> Posted:
    """Let the escalation be raised, and return the one card that stands for it."""
    await desk.ledger.decide(RAISED)
    await desk.ledger.until_finished(1)
    (card,) = slack.cards()
    return card


def _said(slack: SlackServer, words: str) -> Callable[[], Awaitable[bool]]:
    async def said() -> bool:
        return any(words in str(one["text"]).replace("\u200b", "") for one in slack.ephemeral)

    return said


def _has(slack: SlackServer, count: int) -> Callable[[], Awaitable[bool]]:
    async def has() -> bool:
        return len(slack.views) >= count

    return has
