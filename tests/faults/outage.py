"""Kafka away under load: what is answered, how fast, how memory fares, and how soon it is over.

Load comes at its own pace, as from helpdesks that know nothing of each other: whoever is not
answered yet keeps nobody else from posting. The times that are found depend on the machine and are
only told; that nothing accepted is lost and that memory does not grow is held.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from shared.runtime.clock import monotonic
from tests.faults.promises import Promises, Verdict, an_event, kept
from tests.faults.site import Site, a_site
from tests.faults.wire import Pool
from tests.support.consuming import until

MOST_GROWTH_MB: Final = 50
_HEALTHY_S: Final = 3.0
_AT_ONCE: Final = 2000
_TICKETS: Final = 997
_LOOK_S: Final = 0.25
_MB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """One post: when it was made, how long its answer took, and what that was."""

    at: float
    took_s: float
    status: int
    code: str


@dataclass
class Outcome:
    """What came of an outage.

    Attributes:
        asked: Every post.
        away: From when to when Kafka was away, monotonic seconds.
        left_out: Posts that were not made, since too many were under way.
        pause_s: For how long the load itself stood still at most: times are not worth more.
        grown_mb: By how much intake's memory had grown at most while Kafka was away.
        failed: Posts without an answer, by error.
        verdict: What the log says.
    """

    asked: list[Asked] = field(default_factory=list)
    away: tuple[float, float] = (0.0, 0.0)
    left_out: int = 0
    pause_s: float = 0.0
    grown_mb: float = 0.0
    failed: Counter[str] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=lambda: Verdict((), 0, 0))

    @property
    def good(self) -> bool:
        """Whether nothing was lost or doubled, nobody unanswered, and memory stayed as it was."""
        return (
            not self.verdict.broken
            and not self.verdict.repeats
            and not self.failed
            and self.statuses.keys() <= {202, 503}
            and self.grown_mb < MOST_GROWTH_MB
        )

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was answered."""
        return Counter(one.status for one in self.asked)

    @property
    def recovered_s(self) -> float:
        """How long after Kafka's return the first post was accepted."""
        back = self.away[1]
        answers = [one.at + one.took_s for one in self.asked if one.status == 202]
        return min((at for at in answers if at > back), default=float("inf")) - back

    def figures(self) -> dict[str, Any]:
        """Return what a run prints."""
        began, ended = self.away
        refused = [one for one in self.asked if one.status == 503]
        codes = Counter(one.code for one in refused)
        # The gate closes once three deadlines were missed; before that, who waits waits for it.
        closed = min((one.at for one in refused if one.code == "kafka_silent"), default=ended)
        after = [one.took_s for one in refused if one.at >= closed and one.code != "accept_unknown"]
        return {
            "away_s": round(ended - began, 1),
            "posts": len(self.asked),
            "accepted": self.statuses[202],
            "refused": len(refused),
            **dict(sorted(codes.items())),
            "p99_of_503_ms": _p99_ms([one.took_s for one in refused]),
            "p99_of_503_at_once_ms": _p99_ms(after),
            "memory_grew_mb": round(self.grown_mb, 1),
            "recovered_s": round(self.recovered_s, 2),
            "left_out": self.left_out,
            "load_paused_s": round(self.pause_s, 2),
            "records": self.verdict.records,
            "lost": len(self.verdict.broken),
            "doubled": self.verdict.repeats,
        }


def _p99_ms(times: Sequence[float]) -> float:
    if len(times) < 2:
        return 0.0
    return round(statistics.quantiles(times, n=100)[98] * 1000, 1)


async def run(seconds: float, rate: float, folder: Path, *, paused: bool = False) -> Outcome:
    """Have Kafka away for *seconds* under *rate* posts a second, and judge what came of it.

    Args:
        seconds: How long, real.
        rate: Posts a second, all the time.
        folder: Where servers and logs are.
        paused: Whether Kafka only stands still, its connections open, instead of being killed.
    """
    outcome, promises = Outcome(), Promises()
    async with a_site(folder) as site:
        pool = Pool(site.port)
        load = asyncio.create_task(_load(pool, rate, outcome, promises))
        await _accepting(outcome, since=monotonic() + _HEALTHY_S)
        memory = asyncio.create_task(_memory(site, outcome))
        await _away(site, seconds, outcome, paused=paused)
        memory.cancel()
        await _accepting(outcome, since=monotonic() + 1)
        load.cancel()
        await asyncio.wait([load])
        pool.close()
        outcome.verdict = await kept(
            promises, site.kafka.bootstrap_servers, site.topic, ordered=False
        )
    return outcome


async def _accepting(outcome: Outcome, *, since: float) -> None:
    """Return once a post that was made after *since* is accepted."""

    async def accepted() -> bool:
        return any(one.status == 202 and one.at > since for one in reversed(outcome.asked))

    await until(accepted, within_s=120)


async def _away(site: Site, seconds: float, outcome: Outcome, *, paused: bool) -> None:
    began = monotonic()
    pid = site.kafka.pid
    assert pid is not None
    if paused:
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
    else:
        await asyncio.to_thread(site.kafka.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(site.kafka.start)
    outcome.away = (began, monotonic())


async def _memory(site: Site, outcome: Outcome) -> None:
    """Note, until told to stop, by how much intake's memory has grown at most."""
    process = psutil.Process(site.intake.pid)
    before = process.memory_info().rss
    while True:
        grown = (process.memory_info().rss - before) / _MB
        outcome.grown_mb = max(outcome.grown_mb, grown)
        await asyncio.sleep(_LOOK_S)


async def _load(pool: Pool, rate: float, outcome: Outcome, promises: Promises) -> None:
    """Post *rate* events a second until told to stop, and wait for the answers to all."""
    under_way: set[asyncio.Task[None]] = set()
    began, number = monotonic(), 0
    last = began
    try:
        while True:
            now = monotonic()
            outcome.pause_s = max(outcome.pause_s, now - last)
            last = now
            due = int((now - began) * rate)
            while number < due:
                number += 1
                if len(under_way) >= _AT_ONCE:
                    # The machine stood still; to make up for it would be another load.
                    outcome.left_out += 1
                    continue
                event = an_event(f"t{number % _TICKETS}", number)
                task = asyncio.create_task(_post(pool, event, outcome, promises))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(1 / rate)
    finally:
        if under_way:
            await asyncio.wait(under_way)


async def _post(pool: Pool, event: dict[str, Any], outcome: Outcome, promises: Promises) -> None:
    at = monotonic()
    try:
        answer = await pool.post(json.dumps(event).encode())
    except OSError as error:
        outcome.failed[type(error).__name__] += 1
        return
    code = "" if answer.status == 202 else str(answer.said["code"])
    outcome.asked.append(Asked(at, monotonic() - at, answer.status, code))
    if answer.status == 202:
        promises.note(event, answer.said)
