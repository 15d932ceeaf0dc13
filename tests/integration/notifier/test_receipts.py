"""Receipts to whoever asked: one each, whatever comes twice, and none in the way of a call."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.decisions import a_decision, calls
from tests.support.http_peer import http_peer
from tests.support.mailbox import body
from tests.support.notifier_desk import Desk
from tests.support.notifier_service import ROSTER, states

STORM = int(os.environ.get("TIERLINE_TEST_STORM", "500"))
"""Tickets that come at once; a bad hour has 10,000, which the variable sets."""

AT_ONCE = timedelta(seconds=5)
QUICK = {"NOTIFIER_RECEIPTS_PER_S": "1000", "NOTIFIER_AT_ONCE": "32"}


def opened(ticket: str, **given: Any) -> tuple[str, bytes]:
    data = {"requester": f"{ticket.partition(':')[2]}@customer.example", **given}
    data = {"reported_at": datetime.now(UTC).isoformat(), **data}
    return a_decision("case.opened", 1, ticket=ticket, **data)


def receipts(folder: Path, how: str) -> dict[str, str]:
    roster = folder / "receipts.yaml"
    roster.write_text(f"{ROSTER}receipts: {how}\n", encoding="utf-8")
    return {**QUICK, "NOTIFIER_ROSTER_FILE": str(roster)}


async def test_everybody_who_asks_in_a_storm_gets_one_receipt_and_a_p1_in_it_is_called_at_once(
    desk: Desk, tmp_path: Path
) -> None:
    storm = [opened(f"desk:T{number:05}") for number in range(STORM)]
    grave = a_decision(ticket="desk:GRAVE", priority="P1", notify=calls("t2_oncall"))
    async with http_peer() as intake:
        given = receipts(tmp_path, "{channel: email}")
        async with desk.notifier(**given, NOTIFIER_INTAKE_URL=intake.url):
            await desk.ledger.decide(*storm[: STORM // 2])
            await desk.ledger.until("count(*) >= 50 FROM delivery")
            await desk.ledger.decide(grave, *storm[STORM // 2 :])
            await desk.ledger.until_finished(STORM + 1, within_s=60 + STORM / 20)
            await desk.ledger.decide(*storm, grave)
            await desk.ledger.until_heard(2 * (STORM + 1), within_s=60 + STORM / 20)
            await desk.ledger.until_finished(STORM + 1)
        # Whatever tells Tierline of an answer goes through intake.
        assert intake.got == []
    to = [str(mail["To"]) for mail in desk.mail.got if "We have your request" in mail["Subject"]]
    assert set(to) == {f"T{number:05}@customer.example" for number in range(STORM)}
    # On a busy machine a relay may take one and not say so in time: then alone it is sent again.
    (unclear,) = await desk.ledger.rows(
        "SELECT count(*) FROM attempt WHERE channel = 'receipt' AND outcome <> 'accepted'"
    )
    assert len(to) - STORM <= unclear[0]
    (called,) = await desk.ledger.rows(
        "SELECT a.started_at - d.planned_at AS waited FROM delivery d"
        " JOIN attempt a ON a.delivery_id = d.id WHERE d.ticket = 'desk:GRAVE'"
    )
    assert called["waited"] < AT_ONCE
    assert {row["state"] for row in await desk.ledger.deliveries()} == {"sent"}


async def test_a_receipt_says_the_number_and_the_promise_and_of_a_restricted_case_the_number_alone(
    desk: Desk, tmp_path: Path
) -> None:
    due = {"name": "first_response", "due": "2030-03-02T10:15:00Z", "calendar": "emea"}
    timers = [{**due, "used_s": 0, "allowance_s": 900}]
    async with desk.notifier(**receipts(tmp_path, "{channel: email}")):
        await desk.ledger.decide(
            opened("desk:A", timers=timers), opened("desk:B", timers=timers, restricted=True)
        )
        await desk.ledger.until_finished(2)
    (open_one,) = desk.mail.to("A@customer.example")
    (restricted,) = desk.mail.to("B@customer.example")
    assert "2030-03-02 10:15:00 UTC" in body(open_one)
    assert "number B" in body(restricted)
    assert "2030" not in body(restricted)


async def test_a_helpdesk_that_passes_them_on_gets_each_with_whose_it_is(
    desk: Desk, tmp_path: Path
) -> None:
    async with desk.notifier(**receipts(tmp_path, "{channel: webhook, to: cleo}")):
        await desk.ledger.decide(opened("desk:A", requester="user17"), opened("desk:B"))
        await desk.ledger.until_finished(2)
    told = {one.json()["data"]["ticket"]: one.json()["data"]["requester"] for one in desk.cleo.got}
    assert told == {"desk:A": "user17", "desk:B": "B@customer.example"}
    assert all("webhook-signature" in one.headers for one in desk.cleo.got)


async def test_whoever_cannot_be_written_to_or_asked_long_ago_gets_none_and_the_ledger_says_why(
    desk: Desk, tmp_path: Path
) -> None:
    async with desk.notifier(**receipts(tmp_path, "{channel: email}")):
        await desk.ledger.decide(
            opened("desk:A", requester=None),
            opened("desk:B", reported_at="2019-01-01T00:00:00Z"),
            opened("desk:C"),
            a_decision("case.closed", 2, ticket="desk:C", status="merged"),
        )
        await desk.ledger.until_finished(3)
        (faults,) = await desk.ledger.rows("SELECT count(*) FROM dead_letter")
    assert faults[0] == 0
    assert states(await desk.ledger.deliveries()) == [
        ("requester", "suppressed", "no_contact"),
        ("requester", "suppressed", "too_old"),
        ("requester", "suppressed", "merged"),
    ]
    assert desk.mail.got == []


async def test_receipts_that_wait_when_the_roster_switches_them_off_are_not_sent(
    desk: Desk, tmp_path: Path
) -> None:
    given = receipts(tmp_path, "{channel: email}")
    roster = Path(given["NOTIFIER_ROSTER_FILE"])
    desk.mail.reply = lambda: "451 not now"
    async with desk.notifier(**given):
        await desk.ledger.decide(opened("desk:A"))
        await desk.ledger.until("state = 'retry' FROM delivery")
        await asyncio.to_thread(roster.write_text, ROSTER, encoding="utf-8")
        await desk.ledger.until_finished(1)
    assert states(await desk.ledger.deliveries()) == [("requester", "suppressed", "receipts_off")]
