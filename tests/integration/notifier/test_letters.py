"""Dead letters: an operator looks, replays under the same id, or gives up; who and why is kept."""

from typing import Any

import httpx2
import pytest

from tests.support.decisions import a_decision, calls
from tests.support.notifier_desk import Desk
from tests.support.notifier_service import states

BY = {"actor": "Olga Ort", "reason": "the mailbox was full"}
WARNED = a_decision("timer.warned", 1, timer="resolve", notify=calls("t2_lead"))


async def letters(client: httpx2.AsyncClient, kind: str = "notice") -> list[Any]:
    """Return the dead letters of *kind* that nobody has dealt with."""
    answer = await client.get("/v1/dead-letters", params={"kind": kind})
    listed: list[Any] = answer.raise_for_status().json()["letters"]
    return listed


async def test_a_replayed_notice_goes_out_under_its_id_and_the_act_is_kept(desk: Desk) -> None:
    desk.mail.reply = iter(["552 mailbox full", "250 taken"]).__next__
    async with desk.notifier() as client:
        await desk.ledger.decide(WARNED)
        await desk.ledger.until_finished(1)
        (letter,) = await letters(client)
        answer = await client.post(f"/v1/dead-letters/{letter['id']}/replay", json=BY)
        await desk.mail.until_got(1)
        await desk.ledger.until_finished(1)
        (after,) = [(await client.get(f"/v1/dead-letters/{letter['id']}")).json()]
        assert await letters(client) == []
    assert letter["why"] == "smtp_552"
    assert answer.json()["result"] == "due now, to ben by email"
    assert desk.mail.got[0]["Message-ID"] == f"<{letter['id']}@example.org>"
    assert after["delivery"]["state"] == "sent"
    assert [(act["act"], act["actor"], act["reason"]) for act in after["acts"]] == [
        ("replayed", "Olga Ort", "the mailbox was full")
    ]


async def test_what_is_out_of_date_by_the_time_of_its_replay_is_not_sent(desk: Desk) -> None:
    desk.mail.reply = iter(["552 mailbox full"]).__next__
    async with desk.notifier() as client:
        await desk.ledger.decide(WARNED)
        await desk.ledger.until_finished(1)
        await desk.ledger.decide(a_decision("case.closed", 2, status="resolved"))
        await desk.ledger.until("version = 2 FROM ticket")
        (letter,) = await letters(client)
        await client.post(f"/v1/dead-letters/{letter['id']}/replay", json=BY)
        await desk.ledger.until("state = 'suppressed' FROM delivery")
    assert states(await desk.ledger.deliveries()) == [("t2_lead", "suppressed", "resolved")]


async def test_a_discarded_notice_stays_unsent_and_cannot_be_replayed(desk: Desk) -> None:
    desk.mail.reply = lambda: "552 mailbox full"
    async with desk.notifier() as client:
        await desk.ledger.decide(WARNED)
        await desk.ledger.until_finished(1)
        (letter,) = await letters(client)
        done = await client.post(f"/v1/dead-letters/{letter['id']}/discard", json=BY)
        again = await client.post(f"/v1/dead-letters/{letter['id']}/replay", json=BY)
        assert await letters(client) == []
    assert (done.status_code, again.status_code) == (200, 404)
    assert again.json()["code"] == "no_dead_letter"
    assert states(await desk.ledger.deliveries()) == [("t2_lead", "discarded", "smtp_552")]


async def test_a_record_that_is_still_unreadable_is_not_replayed_but_can_be_discarded(
    desk: Desk,
) -> None:
    async with desk.notifier() as client:
        await desk.ledger.decide(("desk:A", b"no JSON"))
        await desk.ledger.until("count(*) = 1 FROM dead_letter")
        (letter,) = await letters(client, "record")
        vain = await client.post(f"/v1/dead-letters/{letter['id']}/replay", json=BY)
        done = await client.post(f"/v1/dead-letters/{letter['id']}/discard", json=BY)
        assert await letters(client, "record") == []
        shown = (await client.get(f"/v1/dead-letters/{letter['id']}")).json()
    assert (vain.status_code, vain.json()["code"]) == (409, "not_replayable")
    assert done.status_code == 200
    assert (shown["record"]["settled"], shown["acts"][0]["actor"]) == ("discarded", "Olga Ort")


async def test_a_record_that_can_be_read_by_now_is_heard_as_if_it_came_now(desk: Desk) -> None:
    _, value = a_decision(notify=calls("t2_lead"))
    later = a_decision("timer.warned", 2, timer="resolve", notify=calls("t2_oncall"))
    async with desk.notifier() as client:
        await desk.ledger.decide(("desk:A", b"no JSON"), later)
        await desk.ledger.until("count(*) = 1 FROM early")
        # What an older version of the notifier could not read.
        await desk.ledger.rows("UPDATE dead_letter SET raw = $1", value)
        (letter,) = await letters(client, "record")
        answer = await client.post(f"/v1/dead-letters/{letter['id']}/replay", json=BY)
        await desk.ledger.until_finished(2)
    assert answer.json()["result"] == "heard: version 1 of desk:A"
    assert states(await desk.ledger.deliveries()) == [
        ("t2_lead", "sent", None),
        ("t2_oncall", "sent", None),
    ]


async def test_dead_letters_come_in_pages(desk: Desk) -> None:
    desk.mail.reply = lambda: "550 no such user"
    many = [
        a_decision("timer.warned", 1, ticket=f"desk:{n}", timer="resolve", notify=calls("t2_lead"))
        for n in range(5)
    ]
    seen = []
    async with desk.notifier() as client:
        await desk.ledger.decide(*many, ("desk:X", b"a"), ("desk:X", b"b"), ("desk:X", b"c"))
        await desk.ledger.until_finished(5)
        await desk.ledger.until("count(*) = 3 FROM dead_letter")
        for kind, limit in (("notice", 2), ("record", 2)):
            cursor: str | None = ""
            while cursor is not None:
                params = {"kind": kind, "limit": str(limit)}
                if cursor:
                    params["cursor"] = cursor
                page = (await client.get("/v1/dead-letters", params=params)).json()
                seen += [letter["id"] for letter in page["letters"]]
                cursor = page["cursor"]
        wrong = await client.get("/v1/dead-letters", params={"kind": "record", "cursor": "9" * 30})
    assert len(seen) == len(set(seen)) == 8
    assert wrong.json()["code"] == "bad_cursor"


async def test_letters_are_looked_for_by_ticket_and_by_why(desk: Desk) -> None:
    desk.mail.reply = iter(["552 mailbox full", "550 no such user"]).__next__
    found = {}
    async with desk.notifier() as client:
        for n in ("A", "B"):
            await desk.ledger.decide(
                a_decision(
                    "timer.warned", 1, ticket=f"desk:{n}", timer="resolve", notify=calls("t2_lead")
                )
            )
            await desk.ledger.until("count(*) = 1 FROM delivery WHERE ticket = $1", f"desk:{n}")
            await desk.ledger.until("count(*) = count(finished_at) FROM delivery")
        await desk.ledger.decide(("desk:X", b"no JSON"))
        await desk.ledger.until("count(*) = 1 FROM dead_letter")
        for asked in (
            "kind=notice&why=smtp_552",
            "kind=notice&ticket=desk:B",
            "kind=notice&ticket=desk:B&why=smtp_552",
            "kind=record&why=not_json",
            "kind=record&why=smtp_552",
            "kind=record&ticket=desk:X",
        ):
            answer = await client.get(f"/v1/dead-letters?{asked}")
            found[asked] = [letter["why"] for letter in answer.json()["letters"]]
        nul = await client.get("/v1/dead-letters?why=%00")
    assert list(found.values()) == [["smtp_552"], ["smtp_550"], [], ["not_json"], [], []]
    assert nul.status_code == 422


async def test_one_notice_comes_with_the_decision_that_asked_for_it(desk: Desk) -> None:
    desk.mail.reply = lambda: "552 mailbox full"
    async with desk.notifier() as client:
        await desk.ledger.decide(WARNED)
        await desk.ledger.until_finished(1)
        (letter,) = await letters(client)
        shown = (await client.get(f"/v1/dead-letters/{letter['id']}")).json()
    assert letter["decision"] is None
    assert (shown["decision"]["type"], shown["decision"]["data"]["timer"]) == (
        "timer.warned",
        "resolve",
    )


@pytest.mark.parametrize(
    ("authorization", "status"), [(None, 401), ("Bearer wrong", 401), ("Bearer right", 404)]
)
async def test_with_an_operator_key_only_its_holders_change_anything(
    desk: Desk, authorization: str | None, status: int
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    async with desk.notifier(NOTIFIER_OPERATOR_KEY="right") as client:
        answer = await client.post("/v1/dead-letters/record-1/discard", json=BY, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("letter", ["record-99999999999999999999", "record-x", "nobody", "%00"])
async def test_an_id_that_is_none_is_answered_404(desk: Desk, letter: str) -> None:
    async with desk.notifier() as client:
        assert (await client.get(f"/v1/dead-letters/{letter}")).status_code == 404
        answer = await client.post(f"/v1/dead-letters/{letter}/replay", json=BY)
    assert answer.status_code == 404


async def test_an_act_without_a_name_or_a_reason_is_refused(desk: Desk) -> None:
    async with desk.notifier() as client:
        answer = await client.post("/v1/dead-letters/record-1/replay", json={"actor": " "})
    assert answer.status_code == 422
    assert {flaw["path"] for flaw in answer.json()["flaws"]} == {"body.actor", "body.reason"}


async def test_a_page_of_another_site_cannot_act_without_saying_what_it_sends(desk: Desk) -> None:
    """A browser sends text/plain anywhere without asking; JSON it must be allowed to send."""
    async with desk.notifier() as client:
        answer = await client.post(
            "/v1/dead-letters/record-1/discard",
            content='{"actor": "x", "reason": "y"}',
            headers={"content-type": "text/plain"},
        )
    assert answer.status_code == 422
