"""What is not sent any more: answered, ended, overtaken, held too long, or said already."""

import asyncio
from datetime import UTC, datetime, timedelta

from shared.runtime.clock import Clock
from tests.support.decisions import a_decision, calls
from tests.support.http_peer import Answer, Request, never
from tests.support.notifier_desk import Desk
from tests.support.notifier_service import states

FRIDAY = datetime(2026, 3, 6, 17, 0, tzinfo=UTC)
MONDAY = "2026-03-09T08:00:00Z"


async def test_an_acknowledgement_stops_a_call_that_is_waiting_to_be_tried_again(
    desk: Desk,
) -> None:
    desk.mail.reply = lambda: "451 try again later"
    async with desk.notifier():
        await desk.ledger.decide(a_decision(notify=calls("t2_oncall")))
        await desk.ledger.until("state = 'retry' FROM delivery")
        await desk.ledger.decide(
            a_decision("escalation.acknowledged", 2, by="tom", role="t2_lead", stand_down=[])
        )
        await desk.ledger.until_finished(1)
    assert states(await desk.ledger.deliveries()) == [("t2_oncall", "suppressed", "acknowledged")]
    assert desk.mail.got == []


async def test_an_acknowledgement_stops_a_call_that_a_sender_has_claimed_already(
    desk: Desk,
) -> None:
    answer = asyncio.Event()

    async def fail_when_told(_: Request) -> Answer:
        await answer.wait()
        return Answer(500)

    desk.cleo.respond = fail_when_told
    async with desk.notifier(NOTIFIER_SEND_DEADLINE="PT10S"):
        await desk.ledger.decide(a_decision(notify=calls("t3_oncall")))
        await desk.cleo.until_got(1)
        await desk.ledger.decide(
            a_decision("escalation.acknowledged", 2, by="tom", role="t2_lead", stand_down=[])
        )
        await desk.ledger.until("version = 2 FROM ticket")
        answer.set()
        await desk.ledger.until_finished(1)
    assert states(await desk.ledger.deliveries()) == [("t3_oncall", "suppressed", "acknowledged")]
    assert desk.mail.got == []


async def test_calls_queued_behind_a_hanging_one_are_never_sent_once_it_is_answered(
    desk: Desk,
) -> None:
    desk.cleo.respond = never
    again = a_decision("escalation.notice_due", 2, step=0, notify=calls("t3_oncall"))
    async with desk.notifier(NOTIFIER_SEND_DEADLINE="PT1S"):
        await desk.ledger.decide(a_decision(notify=calls("t3_oncall")))
        await desk.cleo.until_got(1)
        await desk.ledger.decide(again, a_decision("escalation.acknowledged", 3, by="tom"))
        await desk.ledger.until_finished(2)
    assert {row["state"] for row in await desk.ledger.deliveries()} == {"suppressed"}
    assert len(desk.cleo.got) == 1


async def test_of_the_calls_that_waited_for_a_dead_channel_only_the_newest_goes(
    desk: Desk,
) -> None:
    down = True
    desk.mail.reply = lambda: "421 closing" if down else "250 taken"
    ladder = [
        a_decision("escalation.notice_due", version, step=0, notify=calls("t2_oncall"))
        for version in (2, 3)
    ]
    async with desk.notifier():
        await desk.ledger.decide(a_decision(notify=calls("t2_oncall")))
        await desk.ledger.until("state = 'retry' FROM delivery")
        await desk.ledger.decide(*ladder)
        await desk.ledger.until("version = 3 FROM ticket")
        down = False
        await desk.mail.until_got(1)
        await desk.ledger.until_finished(3)
    assert states(await desk.ledger.deliveries()) == [
        ("t2_oncall", "suppressed", "overtaken"),
        ("t2_oncall", "suppressed", "overtaken"),
        ("t2_oncall", "sent", None),
    ]
    assert len(desk.mail.got) == 1


async def test_a_held_notice_goes_when_the_calendar_opens(desk: Desk) -> None:
    clock = Clock.starting(FRIDAY, speed=20_000)
    async with desk.notifier(
        TIERLINE_CLOCK_SPEED=repr(clock.speed), TIERLINE_CLOCK_OFFSET_S=repr(clock.offset_s)
    ):
        opens = clock.now() + timedelta(days=2)  # in 9 seconds
        await desk.ledger.decide(
            a_decision(notify=calls("t2_oncall"), hold_until=opens.isoformat())
        )
        await desk.mail.until_got(1)
        came = clock.now()
        await desk.ledger.until_finished(1)
    (row,) = await desk.ledger.deliveries()
    assert row["planned_at"] < opens < row["finished_at"]
    assert opens < came < opens + timedelta(days=1)


async def test_a_held_notice_is_dropped_when_its_escalation_ends_meanwhile(desk: Desk) -> None:
    clock = Clock.starting(FRIDAY, speed=1)
    raised = a_decision(notify=calls("t2_oncall"), hold_until=MONDAY)
    ended = a_decision(
        "escalation.ended", 2, reason="resolved", stand_down=["t2_oncall"], by=None, detail=None
    )
    async with desk.notifier(TIERLINE_CLOCK_OFFSET_S=repr(clock.offset_s)):
        await desk.ledger.decide(raised)
        await desk.ledger.until("count(*) = 1 FROM delivery")
        await desk.ledger.decide(ended)
        await desk.ledger.until_finished(2)
    assert states(await desk.ledger.deliveries()) == [
        ("t2_oncall", "suppressed", "resolved"),
        ("t2_oncall", "suppressed", "nothing_was_sent"),
    ]
    assert desk.mail.got == []


async def test_whoever_was_told_is_stood_down_by_the_same_way(desk: Desk) -> None:
    ended = a_decision(
        "escalation.ended",
        2,
        reason="superseded",
        stand_down=["t3_oncall", "t2_lead"],
        by=None,
        detail=None,
    )
    async with desk.notifier():
        await desk.ledger.decide(a_decision(notify=calls("t3_oncall")))
        await desk.ledger.until_finished(1)
        await desk.ledger.decide(ended)
        await desk.ledger.until_finished(3)
    closing = [row for row in await desk.ledger.deliveries() if row["purpose"] == "stand_down"]
    assert states(closing) == [
        ("t2_lead", "suppressed", "nothing_was_sent"),
        ("t3_oncall", "delivered", None),
    ]
    assert "nothing more is asked of you" in desk.cleo.got[1].json()["data"]["subject"]


async def test_messages_on_one_ticket_reach_one_person_in_order(desk: Desk) -> None:
    news = [
        a_decision("timer.warned", version, timer="resolve", notify=calls("t3_oncall", mode="chat"))
        for version in range(1, 9)
    ]
    async with desk.notifier(NOTIFIER_AT_ONCE="16"):
        await desk.ledger.decide(*news)
        await desk.ledger.until_finished(8)
    assert [request.json()["data"]["version"] for request in desk.cleo.got] == list(range(1, 9))
