"""What the API answered at a moment, asked again afterwards: the same, byte for byte."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.runtime.clock import Clock
from tests.support.tracker_service import Tracker, tracker_here
from tests.support.tracker_stories import many

MOMENTS = 1000
STORY = many(12, until_s=7200)
# Fast enough that deadlines pass during the test, so that `due_in_s` and `next_step` move.
FAST = Clock.starting(datetime(2026, 3, 2, 10, tzinfo=UTC), speed=60.0)


@pytest.fixture
async def living(database: str) -> AsyncIterator[Tracker]:
    """A tracker whose clock runs."""
    async with tracker_here(database, FAST) as here:
        yield here


def questions(chance: random.Random) -> list[tuple[str, dict[str, Any]]]:
    """Return every kind of question, about whatever chance picks."""
    ticket = f"/v1/tickets/desk:T{chance.randrange(12)}"
    return [
        (ticket, {}),
        (f"{ticket}/timeline", {"newest_first": True, "limit": 30}),
        ("/v1/tickets", {"limit": 50, "sort": chance.choice(["breach", "opened", "updated"])}),
        ("/v1/tickets", {"open": True, "team": "t2"}),
        ("/v1/board", {"per_tier": 5}),
    ]


async def test_what_was_answered_at_a_thousand_moments_is_answered_again(living: Tracker) -> None:
    chance = random.Random(20260302)  # noqa: S311  an order, not a secret
    told = list(STORY)
    # Whole topics in disorder, and a tenth said twice: whatever was known then was known so.
    told += chance.choices(STORY, k=len(STORY) // 10)
    chance.shuffle(told)
    portions = [told[n::100] for n in range(100)]
    recorded: list[tuple[str, dict[str, Any], Any]] = []
    for portion in portions:
        await living.take(portion, together=3)
        for path, params in questions(chance) + questions(chance):
            answer = await living.client.get(path, params=params)
            if answer.status_code == 404:
                continue
            now = answer.json()["now"]
            recorded.append((path, {**params, "as_of": now}, answer))
    assert len(recorded) >= MOMENTS * 9 // 10
    for path, params, then in recorded:
        again = await living.client.get(path, params=params)
        assert again.json() == then.json(), (path, params)
        assert again.content == then.content
        assert again.headers["etag"] == then.headers["etag"]
