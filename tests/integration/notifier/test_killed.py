"""Killed at any moment, a notifier loses nothing, and what it may have sent twice it marks."""

import asyncio
from collections import Counter

import pytest

from tests.support.decisions import a_decision, calls
from tests.support.http_peer import Answer, Request
from tests.support.notifier_desk import Desk
from tests.support.notifier_service import notifier_process, states

QUICK = {"NOTIFIER_SEND_DEADLINE": "PT0.5S", "NOTIFIER_SHARE": "all"}
"""Without a group, so that nobody waits until Kafka takes the dead one for dead."""


async def test_killed_between_sending_and_writing_it_down_it_sends_again_marked_under_the_same_id(
    desk: Desk,
) -> None:
    dead = asyncio.Event()

    async def take_but_answer_nobody(_: Request) -> Answer:
        await dead.wait()
        return Answer(200)

    desk.cleo.respond = take_but_answer_nobody
    async with notifier_process(
        desk.environ(NOTIFIER_SEND_DEADLINE="PT1S", NOTIFIER_SHARE="all")
    ) as process:
        await desk.ledger.decide(a_decision(notify=calls("t3_lead")))
        await desk.cleo.until_got(1)
        process.kill()
        await process.wait()
    dead.set()
    async with desk.notifier(**QUICK):
        await desk.ledger.until_finished(1)
    first, again = desk.cleo.got
    tried = await desk.ledger.rows("SELECT ended_at, outcome FROM attempt ORDER BY attempt")
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again.body == first.body
    assert again.headers["tierline-repeat"] == "possible"
    assert [row["outcome"] for row in tried] == [None, "accepted"]
    assert states(await desk.ledger.deliveries()) == [("t3_lead", "delivered", None)]


@pytest.mark.parametrize(
    "place",
    [
        "notifier.before_commit:1",
        "notifier.after_commit:1",
        "sender.after_claim:2",
        "sender.before_record:2",
        "sender.after_record:2",
        "relay.after_send:2",
    ],
)
async def test_killed_at(desk: Desk, place: str) -> None:
    """Every notice arrives; what arrives twice has one id and is marked; the topic lacks nothing."""
    tickets = [f"desk:{number}" for number in range(12)]
    decisions = [
        a_decision(ticket=ticket, notify=calls("t3_lead", "t2_lead", "t2_backup"))
        for ticket in tickets
    ]
    await desk.ledger.decide(*decisions)
    async with notifier_process(desk.environ(**QUICK, TIERLINE_FAILPOINT=place)) as process:
        assert await asyncio.wait_for(process.wait(), 60) == -9
    async with desk.notifier(**QUICK):
        await desk.ledger.until_finished(3 * len(tickets))
        told = await desk.ledger.told()
    ledger = await desk.ledger.deliveries()
    assert Counter((row["ticket"], row["role"]) for row in ledger) == {
        (ticket, role): 1 for ticket in tickets for role in ("t3_lead", "t2_lead", "t2_backup")
    }
    hooks = Counter(request.headers["webhook-id"] for request in desk.cleo.got)
    mails = Counter(str(mail["Message-ID"]) for mail in desk.mail.got)
    assert hooks.keys() == {str(row["id"]) for row in ledger if row["role"] == "t3_lead"}
    assert len(mails) == len(tickets)
    marked = [r for r in desk.cleo.got if r.headers.get("tierline-repeat") == "possible"]
    assert hooks.total() - len(hooks) <= len(marked)
    final = {"sent": "delivery.sent", "delivered": "delivery.delivered"}
    ends = {event["data"]["delivery_id"]: event["type"] for event in told}
    assert {ends[str(row["id"])] for row in ledger if row["state"] in final} <= set(final.values())
    lives = Counter((event["data"]["delivery_id"], event["type"]) for event in told)
    for row in ledger:
        assert lives[str(row["id"]), "delivery.planned"] >= 1
    ids = {event["id"]: event for event in told}
    assert all(ids[event["id"]] == event for event in told)
