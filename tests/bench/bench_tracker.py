"""How fast the tracker projects, beside the least that could write the same rows; and its queries.

    python -m tests.bench.bench_tracker [--tickets N] [--rows N] [--pairs N] [--queries N] [--json]

The raw baseline reads the same topics with a bare aiokafka consumer, parses every message by the
contract, and upserts rows of the same tables, indexes and sizes with a bare asyncpg connection for
each topic, batch by batch with the position in the same transaction; it folds nothing, looks nothing
up, drops no repeats. Both take turns on databases of their own on the same servers, durable ones; the
ratio is the median over the pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import statistics
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.tracker.core.message import KIND_OF_TOPIC, Kind
from services.tracker.desk import Desk
from services.tracker.store_queries import Query, Sort
from services.tracker.store_reading import ReadModel
from services.tracker.worker import Worker
from shared.contract.decisions import decode_decision
from shared.contract.deliveries import decode_delivery
from shared.contract.events import decode_event
from shared.contract.topics import PARTITIONS
from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database
from shared.runtime.kafka import Batch, ConsumeOptions, consume
from shared.runtime.migrations import migrate
from shared.runtime.progress import Progress
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics
from tests.bench.bench_simulate import lines
from tests.bench.servers import servers
from tests.support.tracker_stream import publish, story

BATCH: Final = 500
QUERIES: Final = 200
AT_MOST_S: Final = 10.0
PREFIX: Final = f"bench-{secrets.token_hex(4)}."
TOPICS: Final = {f"{PREFIX}{name}": name for name in KIND_OF_TOPIC}
DECODE: Final[dict[Kind, Callable[..., Any]]] = {
    Kind.EVENT: decode_event,
    Kind.DECISION: decode_decision,
    Kind.DELIVERY: decode_delivery,
}
TIMELINE: Final = """
    INSERT INTO timeline
        (identity, ticket, at, kind, "offset", partition, received_at, type, id, repeats, message,
            known_at)
    SELECT decode(md5(id), 'hex'), ticket, at, $6, o, $7, at, type, id, 0, CAST(message AS json),
        now()
    FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[], $8::text[])
        AS given (id, ticket, at, o, type, message)
    ON CONFLICT DO NOTHING
"""
TICKET: Final = """
    INSERT INTO ticket (key, status, open, tier, priority, owner, customer, title, opened_at,
        updated_at, missing, next_due, teams, state)
    SELECT key, 'open', true, 1, 'P3', 'olga', 'org1', 'Ticket', at, at, 0, at, 't1',
        CAST($3 AS json)
    FROM unnest($1::text[], $2::timestamptz[]) AS given (key, at)
    ON CONFLICT (key) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at,
        next_due = excluded.next_due, state = excluded.state
"""
NOTICE: Final = """
    INSERT INTO notice (id, ticket, state, attempt, at, said)
    SELECT id, ticket, state, 1, at, '\\x00'
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS given (id, ticket, state, at)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, at = excluded.at
"""
ADVANCE: Final = """
    INSERT INTO progress VALUES ($1, $2, $3, NULL, 'bench')
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
"""
STATE: Final = json.dumps({"facts": "f" * 700, "case": "c" * 1200})
SEED: Final = """
    INSERT INTO ticket (key, status, open, tier, priority, owner, customer, title, opened_at,
        updated_at, missing, next_due, teams, state)
    SELECT 'desk:T' || n, CASE WHEN n % 10 < 3 THEN 'open' ELSE 'closed' END, n % 10 < 3,
        1 + n % 17 % 3, 'P' || (1 + n % 4), 'owner' || (n % 200), 'org' || (n % 3000),
        'Ticket ' || n || ' cannot print invoice ' || md5(n::text), now() - n * interval '1 minute',
        now() - n * interval '30 seconds', 0,
        CASE WHEN n % 7 = 0 THEN 'infinity' ELSE now() + (n % 9973) * interval '1 minute' END,
        't' || (1 + n % 17 % 3),
        (SELECT state FROM ticket WHERE key = 'desk:T1')
    FROM generate_series(1000000, 999999 + $1::int) AS n
"""


@asynccontextmanager
async def a_database(server: str) -> AsyncIterator[str]:
    """Give the URL of a new database with the tracker's schema; it is dropped afterwards."""
    name = f"bench_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    try:
        await migrate(url, ["tracker"])
        await connection.execute("CHECKPOINT")
        yield url
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


def opened(url: str) -> Database:
    """Return the tracker's schema at *url*."""
    return open_database(url, schema="tracker", clock=Clock(), pool_size=7)


async def project(kafka: str, url: str, total: int) -> float:
    """Return messages a second of the tracker, from its first batch to its last commit."""
    database = opened(url)
    kinds = {full: KIND_OF_TOPIC[name] for full, name in TOPICS.items()}
    worker = Worker(database, kinds=kinds, late_after_s=1)
    timer = _Timer(total)

    async def handle(batch: Batch) -> None:
        timer.begin()
        await worker.handle(batch)
        timer.did(len(batch.records))

    reading = (
        consume(
            [topic],
            handle,
            access=KafkaAccess(bootstrap_servers=kafka),
            progress=Progress(database),
            options=ConsumeOptions(group="bench", assignment={topic: range(PARTITIONS)}),
            stop=timer.done,
        )
        for topic in TOPICS
    )
    await asyncio.gather(*reading)
    await database.close()
    return timer.rate


async def write_raw(kafka: str, url: str, total: int) -> float:
    """Return messages a second of the raw baseline."""
    timer = _Timer(total)
    await asyncio.gather(*(_write_raw(kafka, url, topic, timer) for topic in TOPICS))
    return timer.rate


async def _write_raw(kafka: str, url: str, topic: str, timer: _Timer) -> None:
    kind = KIND_OF_TOPIC[TOPICS[topic]]
    connection = await asyncpg.connect(url, server_settings={"search_path": "tracker"})
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
    while not timer.done.is_set():
        for one, records in (await consumer.getmany(timeout_ms=200, max_records=BATCH)).items():
            timer.begin()
            read = [(record, DECODE[kind](record.value, record.headers)) for record in records]
            async with connection.transaction():
                await connection.execute(
                    TIMELINE,
                    [event.id for _, event in read],
                    [event.ticket for _, event in read],
                    [event.time for _, event in read],
                    [record.offset for record, _ in read],
                    [event.type for _, event in read],
                    int(kind),
                    one.partition,
                    [(record.value or b"").decode() for record, _ in read],
                )
                await _upsert(connection, kind, [event for _, event in read])
                await connection.execute(ADVANCE, topic, one.partition, records[-1].offset + 1)
            timer.did(len(records))
    await consumer.stop()
    await connection.close()


async def _upsert(connection: Any, kind: Kind, events: list[Any]) -> None:
    if kind is Kind.DELIVERY:
        last = {event.data.delivery_id: event for event in events}
        given = [(e.data.delivery_id, e.ticket, e.type, e.time) for e in last.values()]
        await connection.execute(NOTICE, *map(list, zip(*given, strict=True)))
    else:
        tickets = {event.ticket: event.time for event in events}
        await connection.execute(TICKET, list(tickets), list(tickets.values()), STATE)


class _Timer:
    """Counts from the first batch to the last."""

    def __init__(self, total: int) -> None:
        self.done = asyncio.Event()
        self.rate = 0.0
        self._total = total
        self._count = 0
        self._began: float | None = None

    def begin(self) -> None:
        self._began = self._began or perf_counter()

    def did(self, count: int) -> None:
        self._count += count
        if self._count >= self._total and self._began is not None:
            self.rate = self._total / (perf_counter() - self._began)
            self.done.set()


async def ask(url: str, rows: int, queries: int) -> dict[str, dict[str, float]]:
    """Return the milliseconds of each question, median and 99th percentile, beside *rows* tickets more."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "tracker"})
    await connection.execute(SEED, rows)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    database = opened(url)
    desk = Desk(ReadModel(database, TOPICS, 1.0), stats_age_s=0.0, late_after_s=1.0)
    first, _ = await desk.tickets(Query(open=True), None, 50)
    questions: dict[str, Callable[[], Awaitable[Any]]] = {
        "list, nearest breach": lambda: desk.tickets(Query(open=True), None, 50),
        "list, its second page": lambda: desk.tickets(Query(open=True), first.next_cursor, 50),
        "list, a tier and priority": lambda: desk.tickets(
            Query(open=True, tiers=(3,), priorities=("P1",)),  # type: ignore[arg-type]
            None,
            50,
        ),
        "list, an owner": lambda: desk.tickets(Query(open=True, owner="owner7"), None, 50),
        "list, text": lambda: desk.tickets(Query(text="print invoice abc"), None, 50),
        "list, all by update": lambda: desk.tickets(Query(Sort.UPDATED), None, 50),
        "board, 20 of a tier": lambda: desk.board(20),
        "stats": desk.stats,
        "a case": lambda: desk.ticket("desk:T1"),
        "its timeline": lambda: desk.timeline("desk:T1", None, 100),
    }
    found = {}
    for name, question in questions.items():
        took: list[float] = []
        until = perf_counter() + AT_MOST_S
        while len(took) < queries and perf_counter() < until:
            began = perf_counter()
            await question()
            took.append((perf_counter() - began) * 1000)
        ordered = sorted(took)
        found[name] = {
            "median": round(statistics.median(took), 1),
            "p99": round(ordered[int(len(ordered) * 0.99)], 1),
        }
    await database.close()
    return found


async def measure(
    kafka: str, server: str, tickets: int, rows: int, pair_count: int, queries: int
) -> dict[str, Any]:
    """Return all figures."""
    await create_topics(KafkaAccess(bootstrap_servers=kafka), prefix=PREFIX, replicas=1)
    records = story([decode_event(line) for line in lines(tickets)])
    await publish(kafka, PREFIX, records)
    total = len(records)
    pairs: list[tuple[float, float]] = []
    took_ms: dict[str, dict[str, float]] = {}
    for _ in range(pair_count):
        async with a_database(server) as url:
            raw = await write_raw(kafka, url, total)
        async with a_database(server) as url:
            pairs.append((await project(kafka, url, total), raw))
            if len(pairs) == pair_count:
                took_ms = await ask(url, rows, queries)
    return {
        "messages": total,
        "tracker_per_s": round(statistics.median(mine for mine, _ in pairs)),
        "baseline_per_s": round(statistics.median(raw for _, raw in pairs)),
        "ratio": round(statistics.median(mine / raw for mine, raw in pairs), 3),
        "tickets": rows,
        "took_ms": took_ms,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=1000, help="tickets that are projected")
    parser.add_argument("--rows", type=int, default=100_000, help="tickets that are asked among")
    parser.add_argument("--pairs", type=int, default=5, help="turns of tracker and baseline")
    parser.add_argument(
        "--queries", type=int, default=QUERIES, help="how often each question is asked"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with servers() as (kafka, url):
        found = uvloop.run(
            measure(
                kafka, url, arguments.tickets, arguments.rows, arguments.pairs, arguments.queries
            )
        )
    if arguments.json:
        sys.stdout.write(f"{json.dumps(found)}\n")
        return
    sys.stdout.write(
        f"tracker: {found['tracker_per_s']:,} messages/s projected, raw baseline"
        f" {found['baseline_per_s']:,}/s, ratio {found['ratio']:.3f} (goal 0.6);"
        f" {found['messages']:,} messages, {arguments.pairs} pairs\n"
    )
    for question, took_ms in found["took_ms"].items():
        sys.stdout.write(
            f"{question} among {found['tickets']:,} tickets: {took_ms['median']} ms,"
            f" p99 {took_ms['p99']} ms\n"
        )


if __name__ == "__main__":
    main()
