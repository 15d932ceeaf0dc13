"""Intake and Kafka killed at random while events are posted, each until it is accepted."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shared.runtime.clock import monotonic
from tests.faults.promises import Promises, Verdict, an_event, kept
from tests.faults.site import Site, a_site
from tests.faults.wire import Connection
from tests.support.consuming import until

_POSTERS: Final = 32
_AGAIN_S: Final = 0.05
# Intake is killed more often than Kafka, which takes seconds to come back.
_INTAKE_EVERY: Final = (300, 2500)
_KAFKA_EVERY: Final = 5
_UP_WITHIN_S: Final = 120


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        seed: What the kills were made from.
        killed: How often intake and Kafka were killed.
        accepted: How many posts were answered 202.
        tried_again: How many were not, and were made again.
        refused: Answers that no second try would change; there must be none.
        lasted_s: How long it took, real.
        verdict: What the log says.
    """

    seed: int
    killed: dict[str, int] = field(default_factory=lambda: {"intake": 0, "kafka": 0})
    accepted: int = 0
    tried_again: int = 0
    refused: list[str] = field(default_factory=list)
    lasted_s: float = 0.0
    verdict: Verdict = field(default_factory=lambda: Verdict((), 0, 0))

    @property
    def good(self) -> bool:
        """Whether nothing accepted was lost, and nothing right was refused."""
        return not self.verdict.broken and not self.refused

    def figures(self) -> dict[str, Any]:
        """Return what a run prints."""
        return {
            "seed": self.seed,
            "accepted": self.accepted,
            "killed_intake": self.killed["intake"],
            "killed_kafka": self.killed["kafka"],
            "tried_again": self.tried_again,
            "lasted_s": round(self.lasted_s, 1),
            "records": self.verdict.records,
            "repeats": self.verdict.repeats,
            "lost": len(self.verdict.broken),
        }


async def run(posts: int, seed: int, folder: Path) -> Outcome:
    """Post *posts* events under kills, and judge what came of it."""
    outcome, promises = Outcome(seed), Promises()
    began = monotonic()
    async with a_site(folder) as site:
        shares = [posts // _POSTERS + (n < posts % _POSTERS) for n in range(_POSTERS)]
        async with asyncio.TaskGroup() as group:
            group.create_task(_kill(site, posts, outcome))
            for ticket, share in enumerate(shares):
                group.create_task(_one_ticket(site.port, f"t{ticket}", share, outcome, promises))
        outcome.lasted_s = monotonic() - began
        outcome.verdict = await kept(
            promises, site.kafka.bootstrap_servers, site.topic, ordered=True
        )
    return outcome


def after(posts: int, seed: int) -> Iterator[tuple[int, str]]:
    """Yield after how many accepted posts who is killed."""
    rng = random.Random(seed)  # noqa: S311  to be repeated, not to be secret
    smallest = min(_INTAKE_EVERY[0], posts // 20)
    largest = min(_INTAKE_EVERY[1], posts // 6)
    at, number = 0, 0
    while True:
        at += rng.randint(smallest, largest)
        number += 1
        if at > posts * 0.95:
            return
        yield at, "kafka" if number % _KAFKA_EVERY == _KAFKA_EVERY - 2 else "intake"


async def _kill(site: Site, posts: int, outcome: Outcome) -> None:
    for at, whom in after(posts, outcome.seed):

        async def come(at: int = at) -> bool:
            return outcome.accepted >= at or bool(outcome.refused)

        await until(come, within_s=3600)
        if whom == "kafka":
            await asyncio.to_thread(site.kafka.kill)
            outcome.killed["kafka"] += 1
            await asyncio.to_thread(site.kafka.start)
            continue
        outcome.killed["intake"] += site.intake.kill()

        async def back() -> bool:
            return site.intake.up

        await until(back, within_s=_UP_WITHIN_S)


async def _one_ticket(
    port: int, ticket: str, share: int, outcome: Outcome, promises: Promises
) -> None:
    """Post *share* events of *ticket* one after the other, each until it is accepted."""
    connection: Connection | None = None
    for number in range(share):
        event = an_event(ticket, number)
        body = json.dumps(event).encode()
        while True:
            try:
                connection = connection or await Connection.open(port)
                answer = await connection.post(body)
            except OSError:
                if connection is not None:
                    connection.close()
                connection = None
                outcome.tried_again += 1
                await asyncio.sleep(_AGAIN_S)
                continue
            if answer.status == 202:
                promises.note(event, answer.said)
                outcome.accepted += 1
                break
            if answer.status != 503:
                outcome.refused.append(json.dumps(answer.said))
                return
            outcome.tried_again += 1
            await asyncio.sleep(_AGAIN_S)
    if connection is not None:
        connection.close()
