"""How fresh an answer is, and waiting until it is fresh enough: read-your-writes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.tracker.core.message import KIND_OF_TOPIC
from services.tracker.core.places import Places
from shared.contract.topics import TICKET_EVENTS
from shared.runtime.clock import monotonic
from shared.runtime.health import Problem, retry_after

MAX_WAIT_MS: Final = 2000
"""The longest that a reader may wait for its own write, milliseconds."""

_LOOK_EVERY_S: Final = 0.02
_AFTER: Final = re.compile(r"(?:([a-z.-]+)/)?(\d{1,9}):(\d{1,18})")

Position = tuple[str, int]
"""A topic, without prefix, and a partition."""

Positions = Callable[[], Awaitable[Mapping[Position, int]]]
"""Reads the next offset to be applied of every partition."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far the read model had come when an answer was read from it.

    Attributes:
        positions: The next offset to be applied, by topic and partition.
        behind_s: Everything that was in the log this many real seconds ago is in the answer; None
            where a partition has not been read to its end yet.
        now: The installation's clock.
    """

    positions: dict[Position, int]
    behind_s: float | None
    now: datetime

    @property
    def places(self) -> Places:
        """The positions, as a listener of the stream comes back with them."""
        return {
            (KIND_OF_TOPIC[topic], partition): offset
            for (topic, partition), offset in self.positions.items()
        }

    def headers(self) -> dict[str, str]:
        """Return `X-Position` and, where it is known, `X-Lag-Ms`.

        `X-Position: tickets.events/0:17,1:4 tickets.tier-changes/0:20,…`
        """
        by_topic: dict[str, list[str]] = {}
        for (topic, partition), offset in sorted(self.positions.items()):
            by_topic.setdefault(topic, []).append(f"{partition}:{offset}")
        text = " ".join(f"{topic}/{','.join(all_)}" for topic, all_ in by_topic.items())
        headers = {"x-position": text}
        if self.behind_s is not None:
            headers["x-lag-ms"] = str(round(self.behind_s * 1000))
        return headers


@dataclass(frozen=True, slots=True)
class After:
    """A place in a topic that an answer must not be older than."""

    topic: str
    partition: int
    offset: int


def parse_after(text: str) -> After:
    """Return the place that *text* names: `3:1234`, or with a topic `tickets.tier-changes/3:1234`.

    Raises:
        Problem: It names none.
    """
    match = _AFTER.fullmatch(text)
    topic = TICKET_EVENTS if match is None or match[1] is None else match[1]
    if match is None or topic not in KIND_OF_TOPIC:
        raise Problem(
            status=422,
            code="invalid_after",
            title="No place in a topic",
            detail=f"after: {text!r} is not of the form 3:1234 or {TICKET_EVENTS}/3:1234",
            do="Send partition:offset as intake's answer gave them.",
        )
    return After(topic, int(match[2]), int(match[3]))


async def wait_for(after: After, wait_ms: int, positions: Positions) -> None:
    """Return once *after* is applied.

    Raises:
        Problem: It was not within *wait_ms*, or there is no such partition.
    """
    give_up_at = monotonic() + wait_ms / 1000
    while True:
        found = (await positions()).get((after.topic, after.partition))
        if found is not None and found > after.offset:
            return
        if monotonic() >= give_up_at:
            raise _not_yet(after, found)
        await asyncio.sleep(_LOOK_EVERY_S)


def _not_yet(after: After, found: int | None) -> Problem:
    return Problem(
        status=503,
        code="not_yet_applied",
        title="The read model has not come that far yet",
        detail=f"{after.topic}/{after.partition}:{after.offset} is not applied yet",
        do="Try again after the seconds that Retry-After names, or ask without `after`.",
        headers=retry_after(2),
        extra={"position": found},
    )
