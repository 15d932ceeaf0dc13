"""The client asks a real tracker, and goes on listening where a stream broke off."""

from __future__ import annotations

import asyncio
import json

import pytest

from shared.contract.times import parse_instant
from tests.support.http_peer import Answer, http_peer, in_turn
from tests.support.ticket_events import opened
from tests.support.tracker_service import Tracker, asking, listening
from tests.support.tracker_stream import story
from tierline.client import BlockingClient, Client, GaveUpError, RefusedError, Told

TRACKER = "http://tracker"
SAID = {"kind": "event", "type": "ticket.opened", "ticket": "desk:A"}


def streamed(*events: tuple[str, str, object]) -> Answer:
    """Return a stream that tells *events*, kind, place and data, and ends."""
    body = "".join(
        f"event: {kind}\nid: {place}\ndata: {json.dumps(data)}\n\n" for kind, place, data in events
    )
    return Answer(200, {"content-type": "text/event-stream"}, f": awake\n\n{body}".encode())


async def test_it_reads_lists_timelines_board_and_sums(tracker: Tracker) -> None:
    events = [
        opened(f"2026-03-02T10:00:{n:02}Z", ticket=f"T{n}", requester=f"user{n}", title=f"No {n}")
        for n in range(7)
    ]
    await tracker.take(story(events, parse_instant("2026-03-03T12:00:00Z")))
    async with asking(tracker.database) as http:
        client = Client("http://intake", tracker=TRACKER, http=http)
        listed = [one["key"] async for one in client.tickets(sort="opened", open=True)]
        second = [one["key"] async for one in client.tickets(tier=[2, 3], priority="P3")]
        now = await client.ticket("desk:T3")
        before = await client.ticket("desk:T3", as_of=now["now"])
        told = [one["type"] async for one in client.timeline("desk:T3")]
        board = await client.board(per_tier=2)
        stats = await client.stats()
        groups = [one async for one in client.groups()]
        with pytest.raises(RefusedError) as wrong:
            async for _ in client.tickets(sort="colour"):
                pass
        with pytest.raises(RefusedError) as nobody:
            await client.ticket("desk:nobody")
    assert listed == [f"desk:T{n}" for n in reversed(range(7))]
    assert set(second) == set(listed)
    assert (now["title"], now["tier"], before) == ("No 3", 2, now)
    assert told[:2] == ["ticket.opened", "case.opened"]
    assert [len(lane["tickets"]) for lane in board["tiers"] if lane["tier"] == 2] == [2]
    assert (stats["tickets"]["open"], groups) == (7, [])
    assert (wrong.value.problem.status, nobody.value.problem.code) == (422, "unknown_ticket")


async def test_it_hears_what_becomes_known(tracker: Tracker) -> None:
    async with listening(tracker.database) as url, Client(url, tracker=url) as client:
        heard: list[Told] = []

        async def hear() -> None:
            async for one in client.listen():
                heard.append(one)
                if len(heard) == 2:
                    return

        hearing = asyncio.create_task(hear())
        # It hears from when it is connected on: until then something is said again and again.
        number = 0
        while not hearing.done():
            number += 1
            later = opened("2026-03-02T10:00:00Z", ticket=f"T{number}", title=f"No {number}")
            await tracker.take(story([later]))
            await asyncio.wait([hearing], timeout=0.2)
        await hearing
    assert {one.heard["kind"] for one in heard if one.heard is not None} <= {"event", "decision"}
    assert all(one.place for one in heard)


async def test_it_goes_on_where_a_stream_broke_off_and_says_where_it_missed_something() -> None:
    async with http_peer() as peer, Client(peer.url, tracker=peer.url) as client:
        peer.respond = in_turn(
            streamed(("place", "e0:1", {}), ("event", "e0:2", SAID)),
            Answer(503),
            streamed(("anew", "e0:9", {}), ("decision", "d0:1", SAID)),
        )
        found: list[Told] = []
        async for one in client.listen():
            found.append(one)
            if len(found) == 3:
                break
    assert [(one.place, one.heard is None) for one in found] == [
        ("e0:2", False),
        ("e0:9", True),
        ("d0:1", False),
    ]
    assert [one.headers.get("last-event-id") for one in peer.got] == [None, "e0:2", "e0:2"]


async def test_it_gives_up_listening_to_nobody_and_to_a_no() -> None:
    async with Client("http://127.0.0.1:1", tracker="http://127.0.0.1:1", deadline_s=0.3) as client:
        with pytest.raises(GaveUpError):
            await anext(client.listen())

    async def no(_: object) -> Answer:
        said = {"code": "forbidden", "title": "No", "detail": "not yours", "do": "Ask."}
        return Answer(403, {"content-type": "application/problem+json"}, json.dumps(said).encode())

    async with http_peer(no) as peer, Client(peer.url, tracker=peer.url) as client:
        with pytest.raises(RefusedError):
            await anext(client.listen())


async def test_without_an_event_loop_it_reads_the_same(tracker: Tracker) -> None:
    events = [opened(f"2026-03-02T10:00:{n:02}Z", ticket=f"T{n}") for n in range(3)]
    await tracker.take(story(events))

    def read(url: str) -> list[str]:
        with BlockingClient(url, tracker=url) as client:
            assert client.board()["tiers"]
            return [one["key"] for one in client.tickets(sort="opened")]

    async with listening(tracker.database) as url:
        assert await asyncio.to_thread(read, url) == ["desk:T2", "desk:T1", "desk:T0"]
