"""An operator at a terminal: sees what reached nobody, tries it again, or gives it up."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from pydantic_core import to_json

from tests.support.decisions import a_decision, calls
from tests.support.http_peer import CUT, Answer, http_peer, in_turn
from tests.support.notifier_desk import Desk, a_desk
from tests.support.notifier_service import a_ledger, states

NOBODY = "http://127.0.0.1:9"
UNWELL = Answer(
    503,
    body=to_json({"title": "PostgreSQL is away", "detail": "no answer", "do": "Try again later."}),
)
WHY = "the mailbox has room again"


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


async def tierline(
    notifier: httpx2.AsyncClient | str, *words: str, stdin: int = asyncio.subprocess.DEVNULL
) -> Done:
    """Run `tierline dead-letters` *words* against *notifier*."""
    url = notifier if isinstance(notifier, str) else str(notifier.base_url)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "tierline"), "dead-letters", *words, "--notifier", url,
        stdin=stdin, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())


def warned(ticket: str) -> tuple[str, bytes]:
    """Return a decision that tells Ben of *ticket*."""
    return a_decision(
        "timer.warned", 1, ticket=ticket, timer="resolve", share=0.75, notify=calls("t2_lead")
    )


async def listed(notifier: httpx2.AsyncClient, *filters: str) -> list[Any]:
    """Return what the command lists."""
    done = await tierline(notifier, "list", "--json", *filters)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert not found["more"]
    letters: list[Any] = found["letters"]
    return letters


@pytest.fixture
async def desk(
    kafka: str,
    topic_prefix: str,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Desk]:
    """An installation whose mail relay refuses Ben's mail, without a notifier yet."""
    ledger = await a_ledger(kafka, topic_prefix, database)
    async with a_desk(ledger, tmp_path, monkeypatch) as made:
        made.mail.reply = lambda: "552 mailbox full"
        yield made


async def test_an_operator_sees_why_replays_everything_and_the_mail_arrives(desk: Desk) -> None:
    async with desk.notifier() as client:
        await desk.ledger.decide(warned("desk:A"), warned("desk:B"))
        await desk.ledger.until_finished(2)
        shown = await tierline(client, "list")
        assert (shown.code, shown.out.count("notice to t2 lead, ben, by email")) == (0, 2)
        assert shown.out.count("smtp_552") == 2
        (letter,) = await listed(client, "--ticket", "desk:A")
        told = await tierline(client, "show", letter["id"])
        desk.mail.reply = lambda: "250 taken"
        again = await tierline(
            client, "replay", "--all", "--why", "smtp_552", "--reason", WHY, "--by", "Olga", "--yes"
        )
        await desk.mail.until_got(2)
        await desk.ledger.until_finished(2)
        assert await listed(client) == []
        after = await tierline(client, "show", letter["id"])
    text = " ".join(told.out.split())
    for wanted in (
        "notice to t2 lead, ben, by email, about desk:A.",
        "after one attempt: the mail relay answered 552.",
        "Resolution: 75% of the time is used. To be told: t2 lead by page.",
        "Because tier 1 has had it for as long as tier 1 may (T06).",
        "by email: refused after 0 s, the mail relay answered 552",
        "The decision, timer.warned",
    ):
        assert wanted in text
    assert (again.code, again.out.count("due now, to ben by email")) == (0, 2), again.err
    assert f"Olga had it tried again: {WHY}" in after.out


async def test_what_was_given_up_stays_unsent_and_says_who_and_why(desk: Desk) -> None:
    async with desk.notifier() as client:
        await desk.ledger.decide(warned("desk:A"), ("desk:X", b"no JSON"))
        await desk.ledger.until_finished(1)
        await desk.ledger.until("count(*) = 1 FROM dead_letter")
        notice, record = await listed(client)
        (only,) = await listed(client, "--kind", "record", "--why", "not_json")
        assert only["id"] == record["id"]
        done = await tierline(
            client, "discard", notice["id"], record["id"], "--reason", "a test", "--yes", "--json"
        )
        again = await tierline(
            client, "replay", notice["id"], "--reason", "in vain", "--yes", "--json"
        )
        shown = await tierline(client, "show", record["id"])
        assert (await tierline(client, "list")).out == "No dead letters.\n"
    assert (done.code, json.loads(done.out)["letters"]) == (0, [
        {"id": one["id"], "done": True, "said": "discarded: it is not sent any more"}
        for one in (notice, record)
    ])  # fmt: skip
    (failed,) = json.loads(again.out)["letters"]
    assert (again.code, failed["done"]) == (1, False)
    assert "somebody has dealt with it already" in failed["said"]
    assert "gave it up for good: a test" in shown.out
    assert "\nWhat it holds\n  no JSON\n" in shown.out
    assert states(await desk.ledger.deliveries()) == [("t2_lead", "discarded", "smtp_552")]


async def test_one_that_would_be_in_vain_does_not_keep_the_others(desk: Desk) -> None:
    async with desk.notifier() as client:
        await desk.ledger.decide(("desk:X", b"no JSON"), warned("desk:A"))
        await desk.ledger.until_finished(1)
        await desk.ledger.until("count(*) = 1 FROM dead_letter")
        desk.mail.reply = lambda: "250 taken"
        done = await tierline(client, "replay", "--all", "--reason", WHY, "--yes")
        await desk.mail.until_got(1)
        assert [one["kind"] for one in await listed(client)] == ["record"]
    assert done.code == 1
    assert "due now, to ben by email" in done.out
    assert "Replaying would be in vain" in done.err


async def test_orders_are_taken_only_with_the_operator_key(desk: Desk) -> None:
    async with desk.notifier(NOTIFIER_OPERATOR_KEY="right") as client:
        await desk.ledger.decide(("desk:X", b"no JSON"))
        await desk.ledger.until("count(*) = 1 FROM dead_letter")
        (letter,) = await listed(client)
        order = ("discard", letter["id"], "--reason", "a test", "--yes")
        without = await tierline(client, *order)
        wrong = await tierline(client, *order, "--key", "wrong")
        lost = await tierline(client, *order, "--key", "env:NOT_SET_ANYWHERE")
        right = await tierline(client, *order, "--key", "right")
    assert [one.code for one in (without, wrong, lost, right)] == [2, 2, 2, 0]
    assert "This needs the operator key" in without.err
    assert "1 left untouched" in without.err
    assert "env:NOT_SET_ANYWHERE" in lost.err


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1)])
async def test_at_a_terminal_the_reason_is_asked_for_and_then_whether(
    desk: Desk, answer: str, code: int, left: int
) -> None:
    async with desk.notifier() as client:
        await desk.ledger.decide(("desk:X", b"no JSON"))
        await desk.ledger.until("count(*) = 1 FROM dead_letter")
        keyboard, terminal = os.openpty()
        try:
            os.write(keyboard, f"a test\n{answer}".encode())
            done = await tierline(client, "discard", "record-1", stdin=terminal)
        finally:
            os.close(keyboard)
            os.close(terminal)
        assert len(await listed(client)) == left
        shown = json.loads((await tierline(client, "show", "record-1", "--json")).out)
    assert done.code == code, done.err
    assert "Give record-1 up for good?" in done.err
    assert [act["reason"] for act in shown["acts"]] == ["a test"] * (1 - left)


async def test_without_a_terminal_nothing_is_done_unasked(desk: Desk) -> None:
    async with desk.notifier() as client:
        await desk.ledger.decide(("desk:X", b"no JSON"))
        await desk.ledger.until("count(*) = 1 FROM dead_letter")
        unasked = await tierline(client, "discard", "record-1", "--reason", "a test")
        unsaid = await tierline(client, "discard", "record-1", "--yes")
        assert len(await listed(client)) == 1
    assert (unasked.code, "say --yes" in unasked.err) == (2, True)
    assert (unsaid.code, "say why with --reason" in unsaid.err) == (2, True)


@pytest.mark.parametrize(
    "words", [("list",), ("show", "record-1"), ("discard", "record-1", "--reason", "x", "--yes")]
)
async def test_when_nobody_answers_it_says_where_to_look(words: tuple[str, ...]) -> None:
    done = await tierline(NOBODY, *words)
    assert (done.code, f"nobody answers at {NOBODY}" in done.err) == (2, True)


@pytest.mark.parametrize("answer", [CUT, UNWELL])
async def test_when_the_notifier_breaks_off_what_was_done_and_what_was_not_is_said(
    answer: Answer,
) -> None:
    done = Answer(body=to_json({"id": "record-1", "result": "discarded"}))
    async with http_peer(in_turn(done, answer)) as peer:
        told = await tierline(
            peer.url, "discard", "record-1", "record-2", "record-3", "--reason", "x", "--yes"
        )
    assert (told.code, told.out) == (2, "record-1: discarded\n")
    assert "it is not sure whether record-2 was done; 1 left untouched" in told.err
    assert [one.json()["reason"] for one in peer.got] == ["x", "x"]


async def test_what_is_no_notifier_is_told_from_one() -> None:
    async with http_peer() as peer:
        told = await tierline(peer.url, "list")
    assert (told.code, "is no notifier: it said 200" in told.err) == (2, True)


async def test_a_letter_that_is_none_is_exit_code_1(desk: Desk) -> None:
    async with desk.notifier() as client:
        done = await tierline(client, "show", "record-7")
    assert (done.code, "There is no such dead letter" in done.err) == (1, True)
