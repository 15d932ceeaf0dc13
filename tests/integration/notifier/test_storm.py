"""Many notices at once: rates hold over instances, people get digests, and nothing is lost."""

import re

from tests.support.decisions import a_decision, calls
from tests.support.mailbox import body
from tests.support.notifier_desk import Desk
from tests.support.notifier_service import notifier_here


async def test_a_storm_reaches_a_person_as_a_few_digests_that_name_every_ticket(desk: Desk) -> None:
    tickets = {f"desk:T{number:04}" for number in range(1500)}
    storm = [
        a_decision(ticket=ticket, notify=calls("t2_lead"), ack_due="2026-03-02T10:15:00Z")
        for ticket in sorted(tickets)
    ]
    async with desk.notifier(NOTIFIER_PERSON_BURST="3", NOTIFIER_PERSON_EVERY="PT1S"):
        await desk.ledger.decide(*storm)
        await desk.ledger.until_finished(1500)
    named = {ticket for mail in desk.mail.got for ticket in re.findall(r"desk:T\d{4}", body(mail))}
    (unsent,) = await desk.ledger.rows("SELECT count(*) FROM delivery WHERE state <> 'sent'")
    assert named == tickets
    assert len(desk.mail.got) <= 10
    assert unsent[0] == 0
    assert "notices on" in str(desk.mail.got[-1]["Subject"])


async def test_two_instances_keep_to_one_rate_and_send_each_notice_once(desk: Desk) -> None:
    storm = [a_decision(ticket=f"desk:{number}", notify=calls("t3_lead")) for number in range(60)]
    environ = desk.environ(NOTIFIER_WEBHOOK_PER_S="20")
    async with notifier_here(environ), notifier_here(environ):
        await desk.ledger.decide(*storm)
        await desk.ledger.until_finished(60)
    started = [
        row["started_at"].timestamp()
        for row in await desk.ledger.rows("SELECT started_at FROM attempt ORDER BY started_at")
    ]
    assert len(desk.cleo.got) == 60
    # A full bucket of 20, and then 20 a second.
    for first, later in zip(started, started[30:], strict=False):
        assert later - first >= 0.4
