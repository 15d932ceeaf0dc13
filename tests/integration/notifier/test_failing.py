"""When a way out fails: another one, again later, at last a dead letter; and never a silent loss."""

from datetime import timedelta

from tests.support.decisions import a_decision, calls
from tests.support.http_peer import CUT, Answer, in_turn, never
from tests.support.mailbox import CUT as MAIL_CUT
from tests.support.mailbox import body
from tests.support.notifier_desk import Desk
from tests.support.notifier_service import states

CALL_CLEO = a_decision(notify=calls("t3_oncall"))
CALL_DORA = a_decision(notify=calls("t3_lead"))
CALL_ANA = a_decision(notify=calls("t2_oncall"))


async def test_a_failing_webhook_s_notice_goes_out_by_mail_at_once(desk: Desk) -> None:
    desk.cleo.respond = in_turn(Answer(500))
    async with desk.notifier():
        await desk.ledger.decide(CALL_CLEO)
        await desk.mail.until_got(1)
        await desk.ledger.until_finished(1)
    (row,) = await desk.ledger.deliveries()
    tried = await desk.ledger.rows("SELECT * FROM attempt ORDER BY attempt")
    assert [(one["channel"], one["outcome"]) for one in tried] == [
        ("webhook", "failed"),
        ("email", "accepted"),
    ]
    assert tried[1]["started_at"] - tried[0]["ended_at"] < timedelta(seconds=1)
    assert (row["state"], row["channel"]) == ("sent", "email")


async def test_a_hanging_webhook_is_given_up_at_the_deadline(desk: Desk) -> None:
    desk.cleo.respond = never
    async with desk.notifier(NOTIFIER_SEND_DEADLINE="PT0.5S"):
        await desk.ledger.decide(CALL_CLEO)
        await desk.mail.until_got(1)
        await desk.ledger.until_finished(1)
    (first, _) = await desk.ledger.rows("SELECT * FROM attempt ORDER BY attempt")
    assert (first["outcome"], first["ended_at"] - first["started_at"] < timedelta(seconds=2)) == (
        "unclear",
        True,
    )


async def test_a_far_side_that_asks_for_time_gets_it(desk: Desk) -> None:
    desk.cleo.respond = in_turn(Answer(429, {"retry-after": "2"}))
    async with desk.notifier():
        await desk.ledger.decide(CALL_DORA)
        await desk.ledger.until_finished(1)
    (first, second) = await desk.ledger.rows("SELECT * FROM attempt ORDER BY attempt")
    assert second["started_at"] - first["ended_at"] >= timedelta(seconds=2)
    assert len({request.headers["webhook-id"] for request in desk.cleo.got}) == 1


async def test_a_receiver_that_took_it_without_saying_so_gets_it_again_under_the_same_id(
    desk: Desk,
) -> None:
    desk.cleo.respond = in_turn(CUT)
    async with desk.notifier():
        await desk.ledger.decide(CALL_DORA)
        await desk.ledger.until_finished(1)
    first, again = desk.cleo.got
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again.body == first.body
    assert "tierline-repeat" not in first.headers
    assert again.headers["tierline-repeat"] == "possible"


async def test_a_mail_that_may_have_arrived_is_marked_when_it_comes_again(desk: Desk) -> None:
    desk.mail.reply = iter([MAIL_CUT, "250 taken"]).__next__
    async with desk.notifier():
        await desk.ledger.decide(CALL_ANA)
        await desk.ledger.until_finished(1)
    first, again = desk.mail.got
    assert again["Message-ID"] == first["Message-ID"]
    assert "may be a repeat" not in body(first)
    assert "may be a repeat" in body(again)


async def test_where_repeats_are_not_wanted_what_may_have_arrived_is_a_dead_letter(
    desk: Desk,
) -> None:
    desk.mail.reply = iter([MAIL_CUT]).__next__
    async with desk.notifier(NOTIFIER_HOLD_UNCLEAR="email"):
        await desk.ledger.decide(CALL_ANA)
        await desk.ledger.until_finished(1)
    assert states(await desk.ledger.deliveries()) == [("t2_oncall", "dead", "unclear")]
    assert len(desk.mail.got) == 1


async def test_one_dead_far_side_shuts_its_gate_and_disturbs_no_other(desk: Desk) -> None:
    desk.cleo.respond = never
    storm = [
        a_decision(ticket=f"desk:{number}", notify=calls("t3_oncall", "t2_lead"))
        for number in range(20)
    ]
    async with desk.notifier():
        await desk.ledger.decide(*storm)
        await desk.ledger.until_finished(40)
    (mailed, first_failure) = (
        await desk.ledger.rows(
            "SELECT max(ended_at) FILTER (WHERE role = 't2_lead'),"
            " min(ended_at) FILTER (WHERE attempt.channel = 'webhook')"
            " FROM attempt JOIN delivery ON id = delivery_id"
        )
    )[0]
    (gate,) = await desk.ledger.rows("SELECT * FROM gate WHERE gate LIKE 'webhook:cleo:%'")
    assert mailed < first_failure
    assert gate["open_until"] is not None
    # Shut after the fifth failure: what waited behind it went out by mail, untried there.
    assert len(desk.cleo.got) == 8
    assert len(desk.mail.to("cleo@example.org")) == 20


async def test_a_refused_notice_is_a_dead_letter_and_the_next_one_says_so(desk: Desk) -> None:
    desk.mail.reply = iter(["550 no such user", "250 taken"]).__next__
    warned = [
        a_decision("timer.warned", version, timer="resolve", notify=calls("t2_lead"))
        for version in (1, 2)
    ]
    async with desk.notifier():
        await desk.ledger.decide(warned[0])
        await desk.ledger.until_finished(1)
        await desk.ledger.decide(warned[1])
        await desk.ledger.until_finished(2)
    assert states(await desk.ledger.deliveries()) == [
        ("t2_lead", "dead", "smtp_550"),
        ("t2_lead", "sent", None),
    ]
    assert "did not reach you: 1" in body(desk.mail.got[0])
