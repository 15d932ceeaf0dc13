"""Between notifier and engine: roles nobody holds, versions that never came, records nobody can read."""

from typing import Any
from urllib.parse import unquote

from pydantic_core import from_json, to_json

from tests.support.decisions import a_decision, calls
from tests.support.http_peer import CUT, Answer, Request, http_peer, in_turn
from tests.support.notifier_desk import Desk
from tests.support.notifier_service import states

MOVED: dict[str, Any] = {
    "from_tier": 1,
    "to_tier": 2,
    "direction": "up",
    "kind": "automatic",
    "track": "functional",
}


async def test_the_engine_hears_of_an_empty_seat_once_however_often_it_is_called(
    desk: Desk,
) -> None:
    ladder = [
        a_decision("escalation.notice_due", version, step=0, notify=calls("t2_backup"))
        for version in (2, 3)
    ]
    async with http_peer() as intake, desk.notifier(NOTIFIER_INTAKE_URL=intake.url):
        await desk.ledger.decide(a_decision(notify=calls("t2_backup", "t2_lead")))
        await intake.until_got(1)
        await desk.ledger.decide(*ladder)
        await desk.ledger.until_finished(5)
    (request,) = intake.got
    assert unquote(request.path) == "/v1/tickets/desk:A/acts"
    act = request.json()
    del act["id"], act["time"], act["causationid"]
    assert act == {
        "type": "escalation.unreached",
        "escalation_id": "esc-1",
        "role": "t2_backup",
        "code": "nobody_on_schedule",
    }
    assert [row["state"] for row in await desk.ledger.deliveries() if row["role"] == "t2_lead"] == [
        "sent"
    ]


async def test_one_alert_tells_of_an_empty_seat_however_many_tickets_meet_it(desk: Desk) -> None:
    fault: dict[str, Any] = {"code": "nobody_on_schedule", "detail": {"role": "t2_backup"}}
    async with desk.notifier():
        for ticket in ("desk:A", "desk:B"):
            await desk.ledger.decide(
                a_decision("config.alert", 1, ticket=ticket, notify=calls("t2_lead"), **fault)
            )
        await desk.ledger.until_finished(2)
    found = {row["ticket"]: row["reason"] for row in await desk.ledger.deliveries()}
    assert sorted(found.values(), key=str) == [None, "told_already"]


async def test_an_alert_that_intake_may_have_taken_is_told_again_under_the_same_id(
    desk: Desk,
) -> None:
    async with (
        http_peer(in_turn(CUT, Answer(503, {"retry-after": "0"}), Answer(202))) as intake,
        desk.notifier(NOTIFIER_INTAKE_URL=intake.url, NOTIFIER_INTAKE_KEY="tl_test_key"),
    ):
        await desk.ledger.decide(a_decision(notify=calls("t2_backup")))
        await desk.ledger.until_finished(2)
    assert len(intake.got) == 3
    assert len({request.body for request in intake.got}) == 1
    assert {request.headers["authorization"] for request in intake.got} == {"Bearer tl_test_key"}


async def test_the_engine_goes_on_without_a_role_when_all_its_ways_keep_failing(
    desk: Desk,
) -> None:
    desk.cleo.respond = in_turn(*[Answer(500)] * 9)
    desk.mail.reply = lambda: "451 try again later"
    async with http_peer() as intake, desk.notifier(NOTIFIER_INTAKE_URL=intake.url):
        await desk.ledger.decide(a_decision(notify=calls("t3_oncall")))
        await intake.until_got(1)
        (tried,) = await desk.ledger.rows("SELECT count(*) FROM attempt WHERE channel <> 'intake'")
        await desk.ledger.decide(
            a_decision("escalation.ended", 2, reason="withdrawn", by=None, stand_down=[])
        )
        await desk.ledger.until_finished(2)
    assert intake.got[0].json()["code"] == "all_channels_failed"
    assert tried[0] >= 4
    assert len(intake.got) == 1


async def test_decisions_after_a_gap_wait_and_are_heard_once_the_escalator_says_where_it_stands(
    desk: Desk,
) -> None:
    state = {
        "ticket": "desk:A",
        "version": 4,
        "status": "open",
        "escalations": [{"escalation_id": "esc-2", "acknowledged_by": None}],
    }

    async def tell(request: Request) -> Answer:
        assert unquote(request.path) == "/v1/tickets/desk:A/state"
        return Answer(200, body=to_json(state))

    async with (
        http_peer(tell) as escalator,
        desk.notifier(NOTIFIER_ESCALATOR_URL=escalator.url, NOTIFIER_MEND_EVERY="PT0.3S"),
    ):
        await desk.ledger.decide(a_decision("case.opened", 1))
        await desk.ledger.decide(
            a_decision("escalation.raised", 4, escalation_id="esc-2", notify=calls("t2_lead"))
        )
        await desk.mail.until_got(1)
        await desk.ledger.until_finished(1)
        await desk.ledger.until("count(*) = 0 FROM early")
    (known,) = await desk.ledger.rows("SELECT version FROM ticket")
    assert known["version"] == 4
    assert states(await desk.ledger.deliveries()) == [("t2_lead", "sent", None)]


async def test_a_gap_stays_while_the_escalator_cannot_fill_it(desk: Desk) -> None:
    async def not_there(_: Request) -> Answer:
        return Answer(404)

    async with (
        http_peer(not_there) as escalator,
        desk.notifier(NOTIFIER_ESCALATOR_URL=escalator.url, NOTIFIER_MEND_EVERY="PT0.1S"),
    ):
        await desk.ledger.decide(a_decision("escalation.raised", 3, notify=calls("t2_lead")))
        await escalator.until_got(2)
        kept = await desk.ledger.rows("SELECT version FROM early")
        assert [row["version"] for row in kept] == [3]
        await desk.ledger.decide(a_decision("case.opened", 1))
        await desk.ledger.decide(a_decision("tier.changed", 2, **MOVED))
        await desk.mail.until_got(1)
    assert states(await desk.ledger.deliveries()) == [("t2_lead", "sent", None)]


async def test_records_that_are_no_decisions_are_parked_and_stop_nobody(desk: Desk) -> None:
    async with desk.notifier() as client:
        await desk.ledger.decide(
            ("desk:A", b"\x00\xff no JSON"),
            ("desk:A", b'{"specversion": "1.0"}'),
            a_decision("case.opened", 10**25, ticket="desk:B"),
            a_decision(notify=calls("t2_lead")),
        )
        await desk.mail.until_got(1)
        await desk.ledger.until("count(*) = 3 FROM dead_letter")
        listed = (await client.get("/v1/dead-letters", params={"kind": "record"})).json()
    whys = [letter["why"] for letter in listed["letters"]]
    texts = [letter["record"]["text"] for letter in listed["letters"]]
    assert sorted(whys) == ["handler_crashed", "not_a_cloudevent", "not_json"]
    assert "\x00\\xff no JSON" in texts


async def test_the_same_version_decided_twice_differently_changes_nothing(desk: Desk) -> None:
    ticket, value = a_decision(notify=calls("t2_oncall"))
    other = to_json(from_json(value) | {"id": "6f7d3a52-5c0e-5b53-9d0c-1f2a7f2b8c12"})
    async with desk.notifier():
        await desk.ledger.decide(a_decision(notify=calls("t2_lead")))
        await desk.ledger.until_finished(1)
        await desk.ledger.decide((ticket, other))
        await desk.ledger.until("sum(next_offset) = 2 FROM progress")
    assert states(await desk.ledger.deliveries()) == [("t2_lead", "sent", None)]
