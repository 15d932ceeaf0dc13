"""The client against peers that fail it, and against the real intake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from shared.access.keys import ApiKey, KeyRing, Scope
from shared.access.keys_file import new_key
from shared.contract.events import decode_event
from tests.support.http_peer import CUT, Answer, Peer, Request, http_peer, in_turn
from tests.support.intake_service import Door, intake_here
from tests.support.kafka_topics import a_topic, all_records
from tierline.client import (
    AnswerError,
    BlockingClient,
    Client,
    GaveUpError,
    Problem,
    Receipt,
    RefusedError,
)

EVENT = {"type": "ticket.opened", "source": "desk", "subject": "1", "data": {"title": "Down"}}
TAKEN = Answer(
    202,
    body=json.dumps(
        {"id": "x", "ticket": "desk:1", "partition": 3, "offset": 7, "received_at": "2026"}
    ).encode(),
)


def busy(status: int = 503, after: str = "0") -> Answer:
    problem = {"code": "overloaded", "title": "No", "detail": "too many wait", "do": "Try again."}
    return Answer(status, {"retry-after": after}, json.dumps(problem).encode())


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with http_peer() as one:
        yield one


async def test_what_was_not_confirmed_is_sent_again_as_the_same_event(peer: Peer) -> None:
    peer.respond = in_turn(busy(), CUT, busy(429), busy(500), busy(408), TAKEN)
    async with Client(peer.url, key="tl_a_b") as client:
        receipt = await client.send(EVENT)
    assert receipt == Receipt("x", "desk:1", 3, 7, "2026")
    assert receipt.position == "3:7"
    assert len(peer.got) == 6
    assert len({one.body for one in peer.got}) == 1
    assert peer.got[0].json()["id"]
    assert peer.got[0].headers["authorization"] == "Bearer tl_a_b"


async def test_two_events_without_ids_are_two(peer: Peer) -> None:
    peer.respond = in_turn(TAKEN, TAKEN, TAKEN)
    async with Client(peer.url) as client:
        for _ in range(2):
            await client.send(EVENT)
        await client.send({**EVENT, "id": "mine"})
    ids = [one.json()["id"] for one in peer.got]
    assert len(set(ids)) == 3
    assert ids[2] == "mine"


async def test_no_is_said_with_the_problem_and_not_tried_again(peer: Peer) -> None:
    peer.respond = in_turn(busy(422))
    async with Client(peer.url) as client:
        with pytest.raises(RefusedError, match=r"too many wait\. Try again\.") as refused:
            await client.send(EVENT)
    assert (refused.value.problem.status, refused.value.problem.code) == (422, "overloaded")
    assert len(peer.got) == 1


async def test_after_the_deadline_it_gives_up_and_says_what_was_sent(peer: Peer) -> None:
    async def always(_: Request) -> Answer:
        return busy()

    peer.respond = always
    async with Client(peer.url, deadline_s=0.5) as client:
        with pytest.raises(GaveUpError, match=r"given up after 0\.5 s") as gave_up:
            await client.send({**EVENT, "id": "mine"})
    assert gave_up.value.ids == ("mine",)
    assert gave_up.value.problem is not None
    assert len(peer.got) > 1


@pytest.mark.parametrize("after", ["60", format_datetime(datetime(2999, 1, 1, tzinfo=UTC))])
async def test_a_pause_beyond_the_deadline_is_not_waited_for(peer: Peer, after: str) -> None:
    peer.respond = in_turn(busy(after=after))
    async with Client(peer.url, deadline_s=5) as client:
        with pytest.raises(GaveUpError):
            await client.send(EVENT)
    assert len(peer.got) == 1


async def test_nobody_at_the_address_is_given_up_too() -> None:
    async with Client("http://127.0.0.1:9", deadline_s=0.3) as client:
        with pytest.raises(GaveUpError) as gave_up:
            await client.send_all([{**EVENT, "id": "a"}, {**EVENT, "id": "b"}])
    assert gave_up.value.ids == ("a", "b")


@pytest.mark.parametrize(
    "answer", [Answer(200, body=b"<html>"), Answer(404), Answer(202, body=b"{}")]
)
async def test_what_is_no_tierline_is_told(peer: Peer, answer: Answer) -> None:
    peer.respond = in_turn(answer)
    async with Client(peer.url) as client:
        with pytest.raises(AnswerError):
            await client.send(EVENT)


async def test_a_token_is_asked_for_with_each_call(peer: Peer) -> None:
    peer.respond = in_turn(TAKEN, TAKEN)
    tokens = iter(["one", "two"])
    async with Client(peer.url, key=lambda: next(tokens)) as client:
        await client.send(EVENT)
        await client.send(EVENT)
    assert [one.headers["authorization"] for one in peer.got] == ["Bearer one", "Bearer two"]


async def test_questions_need_a_tracker(peer: Peer) -> None:
    async with Client(peer.url) as client:
        with pytest.raises(AnswerError, match="tracker="):
            await client.ticket("desk:1")


async def test_pages_of_a_timeline_follow_one_another(peer: Peer) -> None:
    pages: list[dict[str, Any]] = [
        {"items": [{"id": "a"}], "next_cursor": "c 1"},
        {"items": [{"id": "b"}], "next_cursor": None},
    ]
    peer.respond = in_turn(*(Answer(200, body=json.dumps(one).encode()) for one in pages))
    async with Client(peer.url, tracker=peer.url) as client:
        assert [one["id"] async for one in client.timeline("desk:a/b c")] == ["a", "b"]
    assert peer.got[0].path == "/v1/tickets/desk%3Aa%2Fb%20c/timeline?limit=200"
    assert "cursor=c" in peer.got[1].path


async def test_many_events_go_in_batches_and_each_is_answered(
    kafka: str, topic_prefix: str
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    events = [{**EVENT, "id": f"e-{number}", "subject": str(number)} for number in range(250)]
    events[7] = {**events[7], "type": "ticket.exploded"}
    async with intake_here(kafka, topic) as http:
        answers = await Client("http://intake", http=http).send_all(events)
    assert [type(one) for one in answers] == [Problem if n == 7 else Receipt for n in range(250)]
    problem = answers[7]
    assert isinstance(problem, Problem)
    assert (problem.status, problem.code) == (422, "unknown_type")
    assert len(await all_records(kafka, topic)) == 249


async def test_large_events_make_smaller_batches(kafka: str, topic_prefix: str) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    texts = {f"text{number}": "x" * 8000 for number in range(7)}
    events = [{**EVENT, "subject": str(number), "data": texts} for number in range(20)]
    async with intake_here(kafka, topic) as http:
        answers = await Client("http://intake", http=http).send_all(events)
    assert all(isinstance(one, Receipt) for one in answers)
    assert len(await all_records(kafka, topic)) == 20


async def test_an_act_is_sent_once_and_a_refusal_says_what_is_missing(
    kafka: str, topic_prefix: str
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    key = new_key("bot")
    roles = frozenset({"t1_agent"})
    ring = KeyRing([ApiKey("bot", key.sha256, "desk", frozenset({Scope.ACT}), roles)])
    async with intake_here(kafka, topic, Door(keys=ring)) as http:
        client = Client("http://intake", key=key.text, http=http)
        done = await client.act("desk:a/b c", "escalation.requested", by="olga", to_tier=2)
        with pytest.raises(RefusedError) as lacking:
            await client.act("desk:1", "case.flagged", by="olga")
        with pytest.raises(RefusedError) as forbidden:
            await client.act("desk:1", "escalation.requested", by="olga", role="t2_lead")
        with pytest.raises(RefusedError) as unknown:
            await Client("http://intake", key="tl_x_y", http=http).send(EVENT)
    assert (lacking.value.problem.status, lacking.value.problem.missing) == (422, ("flag",))
    assert forbidden.value.problem.allowed == ("t1_agent",)
    assert unknown.value.problem.code == "unknown_key"
    (record,) = await all_records(kafka, topic)
    event = decode_event(record.value, record.headers)
    assert (event.id, event.ticket) == (done.id, "desk:a/b c")
    assert done.checked is False


def test_it_can_be_used_without_an_event_loop() -> None:
    with BlockingClient("http://127.0.0.1:9", deadline_s=0.3) as client:
        for call in (
            lambda: client.send(EVENT),
            lambda: client.send_all([EVENT]),
            lambda: client.act("desk:1", "escalation.acknowledged", by="x"),
        ):
            with pytest.raises(GaveUpError):
                call()


def test_nothing_of_the_services_is_needed_to_import_it() -> None:
    program = (
        "import sys, tierline.client;"
        "print([name for name in sys.modules if name.partition('.')[0] in"
        " {'services', 'pydantic', 'fastapi', 'aiokafka', 'sqlalchemy'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
