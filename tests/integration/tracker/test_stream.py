"""The stream: everything that becomes known, in order, told again after a loss of connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.tracker import stream as streams
from services.tracker.core.message import Kind
from services.tracker.core.places import heard, told
from services.tracker.store_reading import ReadModel
from services.tracker.stream import Stream, Told
from tests.support.tracker_service import TOPICS, Tracker
from tests.support.tracker_stories import many
from tests.support.tracker_stream import Said

STORY = many(6, until_s=3600)
assert len(STORY) > 110


@asynccontextmanager
async def telling(tracker: Tracker) -> AsyncIterator[Stream]:
    """Give a stream over the tables of *tracker*, running."""
    stop = asyncio.Event()
    stream = Stream(ReadModel(tracker.database, TOPICS, 1.0))
    running = asyncio.create_task(stream.run(stop))
    try:
        yield stream
    finally:
        stop.set()
        await running


async def taken(listening: AsyncIterator[Told], count: int) -> list[Told]:
    """Return the next *count* messages; what only says places is passed over."""
    found: list[Told] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            one = await anext(listening)
            if one.heard is not None:
                found.append(one)
    return found


def positions(found: list[Told]) -> list[str]:
    return [one.heard.position for one in found if one.heard is not None]


async def test_everything_is_told_once_and_each_partition_in_order(tracker: Tracker) -> None:
    async with telling(tracker) as stream:
        listening = stream.listen(None)
        assert (await anext(listening)).heard is None
        await tracker.take(STORY, together=7)
        found = await taken(listening, len(STORY))
        assert len(set(positions(found))) == len(STORY)
        by_partition: dict[str, list[int]] = {}
        for one in positions(found):
            partition, _, offset = one.rpartition(":")
            by_partition.setdefault(partition, []).append(int(offset))
        assert all(offsets == sorted(offsets) for offsets in by_partition.values())


@pytest.mark.parametrize("lost_after", [0, 1, 57])
async def test_whoever_comes_back_is_told_the_rest(tracker: Tracker, lost_after: int) -> None:
    async with telling(tracker) as stream:
        listening = stream.listen(None)
        place = (await anext(listening)).places
        await tracker.take(STORY[:100], together=40)
        before = await taken(listening, lost_after)
        await listening.aclose()  # type: ignore[attr-defined]
        place = before[-1].places if before else place
        # As a client keeps it.
        again = stream.listen(heard(told(place)))
        await tracker.take(STORY[100:], together=40)
        after = await taken(again, len(STORY) - lost_after)
        told_ = positions(before) + positions(after)
        assert len(told_) == len(set(told_)) == len(STORY)


async def test_a_listener_of_one_helpdesk_hears_of_no_other(tracker: Tracker) -> None:
    foreign = [
        Said(one.topic, one.ticket, one.value.replace(b'"desk', b'"other'), list(one.headers))
        for one in STORY
        if one.topic == "tickets.tier-changes"
    ]
    own = [one for one in STORY if one.topic == "tickets.events"]
    async with telling(tracker) as stream:
        listening = stream.listen(None, "desk")
        await anext(listening)
        await tracker.take([*foreign, *own])
        found = await taken(listening, len(own))
        assert {one.heard.ticket.partition(":")[0] for one in found if one.heard} == {"desk"}


async def test_whoever_does_not_keep_up_is_cut_off_and_the_others_are_not(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "QUEUED", 20)
    async with telling(tracker) as stream:
        slow = stream.listen(None)
        await anext(slow)
        monkeypatch.setattr(streams, "QUEUED", 10_000)
        quick = stream.listen(None)
        await anext(quick)
        await tracker.take(STORY)
        assert len(await taken(quick, len(STORY))) == len(STORY)
        left = [one async for one in slow]
    assert 0 < len(left) <= 20


async def test_whoever_missed_too_much_is_told_to_look_anew(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_MISSED", 10)
    await tracker.take(STORY)
    async with telling(tracker) as stream:
        first = await anext(stream.listen({(Kind.EVENT, 0): 0}))
    assert first.anew
    assert first.heard is None


async def test_a_draining_process_ends_its_streams(tracker: Tracker) -> None:
    async with telling(tracker) as stream:
        listening = stream.listen(None)
        await anext(listening)
    async with asyncio.timeout(30):
        assert [one async for one in listening] == []


async def test_a_place_that_means_nothing_is_refused_before_anything_is_told(
    tracker: Tracker,
) -> None:
    answer = await tracker.client.get("/v1/stream", headers={"last-event-id": "yesterday"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_last_event_id")
