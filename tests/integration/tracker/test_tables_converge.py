"""The tables are the same in the end, however the messages came."""

import random
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import text

from shared.runtime.kafka import Batch, Incoming
from tests.integration.tracker.conftest import FROZEN
from tests.support.tracker_messages import decision_bytes
from tests.support.tracker_service import Tracker, added_up, tables, tracker_here
from tests.support.tracker_stories import many
from tests.support.tracker_stream import Said

STORY = many(8, until_s=5400)
# Where a message stands in its log, and how often it was said, is what the order changes; the
# state holds places in the log, and is compared by what is answered from it.
OF_THE_LOG = {
    "ticket": frozenset({"state"}),
    "timeline": frozenset({"offset", "partition", "repeats", "known_at"}),
}


async def taken(url: str, seed: int | None = None, *, at_once: bool = False) -> dict[str, Any]:
    """Return all tables, and all tickets as they are answered, after the story in some order."""
    async with tracker_here(url, FROZEN) as tracker:
        records, together = list(STORY), 500
        if seed is not None:
            chance = random.Random(seed)  # noqa: S311  an order, not a secret
            records += chance.choices(STORY, k=len(STORY) // 5)
            chance.shuffle(records)
            together = chance.choice([3, 7, 40])
        if at_once:
            await tracker.take_together(records)
        else:
            await tracker.take(records, together=together)
        found: dict[str, Any] = await tables(tracker.database, but=OF_THE_LOG)
        sums = [one for one in added_up(found)["tally"] if one[0] != "repeats"]
        answers = [
            {**await tracker.get(f"/v1/tickets/{row['key']}"), "now": None}
            for row in sorted(found["ticket"], key=lambda row: str(row["key"]))
        ]
        async with tracker.database.transaction() as conn:
            await conn.execute(text("DROP SCHEMA tracker CASCADE"))
    return {**found, "tally": sums, "answers": answers}


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_with_repeats_gives_the_same_tables(database: str, seed: int) -> None:
    in_order = await taken(database)
    assert len(in_order["answers"]) == 8
    assert len(in_order["timeline"]) == len(STORY)
    assert in_order["notice"]
    assert await taken(database, seed) == in_order


@pytest.mark.parametrize("seed", [None, 3])
async def test_all_topics_taken_in_at_once_give_the_same_tables(
    database: str, seed: int | None
) -> None:
    assert await taken(database, seed, at_once=True) == await taken(database)


async def test_a_record_that_cannot_be_stored_is_parked_alone_of_all_that_came_with_it(
    tracker: Tracker,
) -> None:
    # Longer than an index takes, and not to be compressed.
    key = "group:" + "".join(chr(0x10400 + n * 7919 % 65000) for n in range(1000))
    too_long = Said("tickets.tier-changes", "desk:T0", decision_bytes(1, ticket=key), [])
    await tracker.take_together([too_long, *STORY])
    found = await tables(tracker.database, but={})
    assert len(found["timeline"]) == len(STORY)
    assert [row["raw"] for row in found["dead_letter"]] == [too_long.value]


async def test_a_batch_that_is_handed_over_again_is_dropped_by_its_offsets(
    tracker: Tracker,
) -> None:
    said = [one for one in STORY if one.topic == "tickets.events"]
    incoming = [
        Incoming(0, n, one.ticket.encode(), one.value, tuple(one.headers), 0)
        for n, one in enumerate(said)
    ]
    await tracker.worker.handle(Batch("tickets.events", incoming))
    before = await tables(tracker.database, but={})
    await tracker.worker.handle(Batch("tickets.events", incoming))
    await tracker.worker.handle(Batch("tickets.events", incoming[3:]))
    assert await tables(tracker.database, but={}) == before


async def test_what_is_said_again_is_counted_and_has_no_effect(tracker: Tracker) -> None:
    await tracker.take(STORY)
    but = {"timeline": frozenset({"repeats"}), "tally": frozenset({"n"})}
    before = await tables(tracker.database, but=but)
    await tracker.take([*STORY, *STORY])
    after = await tables(tracker.database, but=but)
    assert {name: after[name] for name in ("ticket", "timeline", "notice")} == {
        name: before[name] for name in ("ticket", "timeline", "notice")
    }
    assert (await tracker.get("/v1/stats"))["repeats"] == 2 * len(STORY)
    counts = Counter(
        entry["repeats"] for entry in (await tracker.get("/v1/tickets/desk:T0/timeline"))["items"]
    )
    assert counts.keys() == {2}
