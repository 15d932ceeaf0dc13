"""How fast the escalator takes events, beside the least that could be done with the same servers.

    python -m tests.bench.bench_escalator [--tickets N] [--pairs N] [--json]

The baseline reads the same records with a bare aiokafka consumer, parses each as an event of the
contract, and upserts the newest of each ticket with the position, one transaction per batch: no
check for repeats, no history, no decision, nothing published. The escalator does all it does, in one process, until the last of
its decisions is acknowledged by Kafka. Both take turns on the same servers, durable ones; the ratio
is the median over the pairs. Where the rest of the time goes is told by one more run, profiled.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from statistics import median
from time import process_time
from typing import Final, NamedTuple

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pydantic_core import from_json

from shared.contract.events import decode_event
from shared.contract.times import Instant, as_datetime
from shared.runtime.clock import Clock, monotonic
from shared.runtime.kafka import partition_for
from tests.bench.bench_simulate import START, lines
from tests.bench.servers import servers
from tests.support.escalator_service import PARTITIONS, Escalator, Stage, a_stage, ask, escalating

BATCH: Final = 500
SHARES: Final = (
    ("engine", ("services/escalator/core", "shared/policy")),
    ("parse and encode events", ("shared/contract", "pydantic", "history.py")),
    ("shell", ("services/escalator", "shared/runtime")),
    ("database client", ("sqlalchemy", "asyncpg")),
    ("Kafka client", ("aiokafka",)),
)


class Rate(NamedTuple):
    """Events a second, and this process's own computing time for each, microseconds."""

    per_s: float
    cpu_us: float


class Stopwatch:
    """Measures from where it is made."""

    def __init__(self) -> None:
        self._began, self._spent = monotonic(), process_time()

    def rate(self, count: int) -> Rate:
        """Return the rate at which *count* events were taken."""
        spent = process_time() - self._spent
        return Rate(count / (monotonic() - self._began), spent / count * 1e6)


async def fill(stage: Stage, tickets: int) -> int:
    """Put the events of *tickets* into the log, and return how many there are."""
    records = lines(tickets)
    producer = AIOKafkaProducer(bootstrap_servers=stage.kafka, linger_ms=20)
    await producer.start()
    try:
        for value in records:
            event = from_json(value)
            stamp = b'"receivedat":"%b","data":' % event["time"].encode()
            key = f"desk:{event['subject']}".encode()
            place = partition_for(key, PARTITIONS)
            stamped = value.replace(b'"data":', stamp, 1)
            await producer.send(stage.events, stamped, key=key, partition=place)
        await producer.flush()
    finally:
        await producer.stop()
    return len(records)


async def bare(stage: Stage, count: int) -> Rate:
    """Return how fast the baseline takes *count* events in the log."""
    conn = await asyncpg.connect(stage.database_url)
    await conn.execute("DROP TABLE IF EXISTS bare, bare_progress")
    await conn.execute("CREATE TABLE bare (key text PRIMARY KEY, body json NOT NULL)")
    await conn.execute("CREATE TABLE bare_progress (partition int PRIMARY KEY, next_offset bigint)")
    consumer = AIOKafkaConsumer(bootstrap_servers=stage.kafka, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(stage.events, number) for number in range(PARTITIONS)])
    taken = 0
    stopwatch = Stopwatch()
    while taken < count:
        for partition, records in (
            await consumer.getmany(max_records=BATCH, timeout_ms=200)
        ).items():
            newest = {
                decode_event(one.value).ticket: (one.value or b"").decode() for one in records
            }
            async with conn.transaction():
                await conn.execute(
                    "INSERT INTO bare SELECT * FROM unnest($1::text[], $2::json[])"
                    " ON CONFLICT (key) DO UPDATE SET body = excluded.body",
                    list(newest),
                    list(newest.values()),
                )
                await conn.execute(
                    "INSERT INTO bare_progress VALUES ($1, $2)"
                    " ON CONFLICT (partition) DO UPDATE SET next_offset = excluded.next_offset",
                    partition.partition,
                    records[-1].offset + 1,
                )
            taken += len(records)
    rate = stopwatch.rate(count)
    await consumer.stop()
    await conn.close()
    return rate


async def whole(stage: Stage, count: int) -> Rate:
    """Return how fast the escalator takes *count* events in the log."""
    async with AsyncExitStack() as stack:
        escalator = await stack.enter_async_context(escalating(stage))
        stopwatch = Stopwatch()
        while not await done(escalator, count):  # noqa: ASYNC110  it is in a server
            await asyncio.sleep(0.2)
        return stopwatch.rate(count)


async def done(escalator: Escalator, count: int) -> bool:
    """Return whether *count* events are taken and all decisions published."""
    question = (
        "SELECT coalesce(sum(next_offset), 0) >= :count AND NOT EXISTS (SELECT FROM"
        " outbox WHERE published_at IS NULL) FROM progress WHERE topic = :topic"
    )
    return bool(await ask(escalator.database, question, count=count, topic=escalator.stage.events))


async def emptied(stage: Stage) -> None:
    """Forget everything that was decided."""
    conn = await asyncpg.connect(stage.database_url, server_settings={"search_path": "escalator"})
    await conn.execute(
        "TRUNCATE ticket_state, ticket_event, seen_event, outbox, dead_letter, policy_version;"
        "UPDATE progress SET next_offset = 0 WHERE topic LIKE '%tickets.events'"
    )
    await conn.close()


async def measure(tickets: int, pairs: int) -> dict[str, object]:
    """Return both rates, their ratio, and where the time of a profiled run went."""
    with servers() as (kafka, url):
        clock = Clock.starting(as_datetime(Instant(START)), speed=1.0)
        stage = await a_stage(kafka, f"bench-{secrets.token_hex(4)}.", url, clock)
        count = await fill(stage, tickets)
        await whole(stage, count)
        found = []
        for _ in range(pairs):
            base = await bare(stage, count)
            await emptied(stage)
            found.append((await whole(stage, count), base))
        await emptied(stage)
        profile = cProfile.Profile()
        profile.enable()
        await whole(stage, count)
        profile.disable()
    ours, bares = ([pair[side] for pair in found] for side in (0, 1))
    return {
        "events": count,
        "escalator_per_s": round(median(one.per_s for one in ours)),
        "baseline_per_s": round(median(one.per_s for one in bares)),
        "ratio": round(median(one.per_s / two.per_s for one, two in found), 3),
        "escalator_cpu_us": round(median(one.cpu_us for one in ours)),
        "baseline_cpu_us": round(median(one.cpu_us for one in bares)),
        "profile": shares(profile),
    }


def shares(profile: cProfile.Profile) -> dict[str, float]:
    """Return the share of the busy time by part of the program."""
    spent: Counter[str] = Counter()
    for (path, _, name), entry in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if "poll" in name and path == "~":
            continue
        part = next((p for p, paths in SHARES if any(one in path for one in paths)), "")
        spent[part or _builtin(path, name)] += entry[2]
    busy = sum(spent.values())
    return {part: round(time / busy, 2) for part, time in spent.most_common() if time / busy > 0.01}


def _builtin(path: str, name: str) -> str:
    if "pydantic" in name.lower() or "json" in name:
        return "parse and encode events"
    return "interpreter and event loop" if path == "~" else "standard library"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=2500, help="eight events each")
    parser.add_argument("--pairs", type=int, default=3, help="turns of both")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    results = uvloop.run(measure(given.tickets, given.pairs))
    if given.json:
        print(json.dumps(results))  # noqa: T201  its purpose
        return
    print(  # noqa: T201  its purpose
        f"escalator {results['escalator_per_s']} events/s, baseline {results['baseline_per_s']}"
        f" events/s, ratio {results['ratio']} (goal 0.2); own computing time an event:"
        f" {results['escalator_cpu_us']} and {results['baseline_cpu_us']} microseconds;"
        f" profile: {results['profile']}"
    )


if __name__ == "__main__":
    main()
