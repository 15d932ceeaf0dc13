"""How long an event takes from its POST until the tracker shows what was decided of it.

    python -m tests.bench.bench_end_to_end [--rate N] [--seconds N] [--json]

The whole system runs, each service a process of its own. Events are posted at a steady rate,
whether or not the former were answered: one in four opens a ticket, the others are replies and
changes of tickets opened before. Measured are two times from the moment at which the event was to
be posted: until its own line is in the tracker's timeline, and, of openings, until the decision
about them is. The baseline takes the same bytes at the same rate through a bare route, Kafka and a
bare consumer into one table. The read model is looked at every few milliseconds by key.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer

from cli.stack import Stack
from services.tracker.core.message import Kind
from shared.contract.topics import TICKET_EVENTS
from shared.runtime.clock import Clock, monotonic
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics
from tests.bench.bench_intake import server
from tests.bench.servers import servers
from tests.support.whole_system import Site

GOAL_S: Final = 1.0
CONNECTIONS: Final = 32
WARM_UP: Final = 400
LOOK_S: Final = 0.005
WITHIN_S: Final = 30.0
SEEN: Final = "SELECT ticket, id, kind FROM tracker.timeline WHERE ticket = ANY($1) AND kind < $2"
BARE: Final = "SELECT id FROM bare WHERE id = ANY($1)"

Look = Callable[[Sequence["Posted"]], Awaitable[set[str]]]
"""Says which of the events that are waited for are there by now."""


class Posted(NamedTuple):
    """An event on its way: its ticket's key, its id, and when it was to be posted."""

    ticket: str
    id: str
    at: float

    @property
    def decided(self) -> str:
        """What stands for the decision about it, beside `id` for itself."""
        return f"decision|{self.ticket}"


def body(number: int, run: str) -> tuple[str, str, bytes]:
    """Return the ticket, the id and the JSON of the event *number* of a *run*."""
    ticket = number // 4 * 4 if number % 4 else number
    subject = f"{run}{ticket}"
    data: dict[str, object]
    match number % 4:
        case 0:
            kind, data = (
                "ticket.opened",
                {
                    "title": f"Ticket {number} cannot print its invoice",
                    "severity": "S2" if number % 40 == 0 else f"S{3 + number // 4 % 2}",
                    "affected_users": 1 + number % 12,
                    "requester": f"user{number}",
                    "customer": {"id": f"org{number % 97}", "plan": "standard", "region": "emea"},
                },
            )
        case 2:
            kind, data = "ticket.updated", {"affected_users": 2 + number % 20}
        case _:
            kind, data = "ticket.message", {"author": "agent", "public": True}
    event = {
        "specversion": "1.0",
        "id": f"{run}-{number}",
        "source": "desk",
        "type": kind,
        "subject": subject,
        "time": Clock().now().isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }
    return f"desk:{subject}", f"{run}-{number}", json.dumps(event).encode()


async def post(port: int, due: asyncio.Queue[bytes | None]) -> None:
    """Post what is *due* over one connection, and see each accepted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (content := await due.get()) is not None:
        writer.write(
            b"POST /v1/events HTTP/1.1\r\nhost: bench\r\n"
            b"content-type: application/cloudevents+json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(content), content)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 202"):
            raise AssertionError(head.decode())
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()


async def flow(
    port: int, rate: float, count: int, look: Look, *, decisions: bool
) -> tuple[list[float], list[float]]:
    """Post *count* events at *rate* a second; return how long each took, and each decision."""
    run = secrets.token_hex(3)
    waiting: dict[str, Posted] = {}
    took: tuple[list[float], list[float]] = ([], [])
    due: asyncio.Queue[bytes | None] = asyncio.Queue()
    all_posted = asyncio.Event()

    async def feed() -> None:
        began = monotonic()
        for number in range(count):
            at = began + number / rate
            await asyncio.sleep(max(0.0, at - monotonic()))
            ticket, identity, content = body(number, run)
            one = Posted(ticket, identity, at)
            waiting[one.id] = one
            if decisions and number % 4 == 0:
                waiting[one.decided] = one
            due.put_nowait(content)
        for _ in range(CONNECTIONS):
            due.put_nowait(None)
        all_posted.set()

    async def watch() -> None:
        async with asyncio.timeout(count / rate + WITHIN_S):
            while waiting or not all_posted.is_set():
                there = await look(list(waiting.values())) if waiting else set()
                now = monotonic()
                for name in there & waiting.keys():
                    took[name.startswith("decision|")].append(now - waiting.pop(name).at)
                await asyncio.sleep(LOOK_S)

    await asyncio.gather(feed(), watch(), *(post(port, due) for _ in range(CONNECTIONS)))
    return took


async def whole(
    home: Path, kafka: str, url: str, rate: float, count: int
) -> tuple[list[float], list[float]]:
    """Return the times through the whole system."""
    site = Site(home, kafka, url, f"bench-{secrets.token_hex(4)}.")
    variables = {
        "PATH": os.environ["PATH"],
        "INTAKE_ALLOW_ANONYMOUS": "true",
        "INTAKE_RATE_PER_S": "100000",
        "INTAKE_RATE_BURST": "100000",
        "NOTIFIER_DRY_RUN": "true",
    }
    async with Stack(site.plan(variables), lambda _: None) as stack:
        await stack.serve(Clock())
        connection = await asyncpg.connect(url)

        async def look(wanted: Sequence[Posted]) -> set[str]:
            keys = list({one.ticket for one in wanted})
            there = set()
            for row in await connection.fetch(SEEN, keys, Kind.DELIVERY):
                decided = row["kind"] == Kind.DECISION
                there.add(f"decision|{row['ticket']}" if decided else row["id"])
            return there

        port = stack.services["intake"].port
        await flow(port, rate, WARM_UP, look, decisions=True)
        took = await flow(port, rate, count, look, decisions=True)
        await connection.close()
    return took


async def bare(kafka: str, url: str, rate: float, count: int) -> list[float]:
    """Return the times of the baseline."""
    prefix = f"bench-{secrets.token_hex(4)}."
    topic = f"{prefix}{TICKET_EVENTS}"
    await create_topics(KafkaAccess(bootstrap_servers=kafka), prefix=prefix, replicas=1)
    environ = {
        "PATH": os.environ["PATH"],
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "BASELINE_TOPIC": topic,
    }
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server("tests.bench.bare_intake", environ))
        writer = await asyncpg.connect(url)
        stack.push_async_callback(writer.close)
        reader = await asyncpg.connect(url)
        stack.push_async_callback(reader.close)
        await writer.execute("CREATE TABLE bare (id text PRIMARY KEY, body json NOT NULL)")
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest"
        )
        await consumer.start()
        stack.push_async_callback(consumer.stop)

        async def write() -> None:
            while True:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    bodies = [(one.value or b"").decode() for one in records]
                    await writer.execute(
                        "INSERT INTO bare SELECT b::json->>'id', b::json FROM unnest($1::text[]) b",
                        bodies,
                    )

        async def look(wanted: Sequence[Posted]) -> set[str]:
            found = await reader.fetch(BARE, [one.id for one in wanted])
            return {row["id"] for row in found}

        writing = asyncio.create_task(write())
        await flow(port, rate, WARM_UP, look, decisions=False)
        took, _ = await flow(port, rate, count, look, decisions=False)
        writing.cancel()
    return took


def quantiles(times: Sequence[float]) -> dict[str, float]:
    """Return median and 99th percentile, seconds."""
    cuts = statistics.quantiles(times, n=100)
    return {"p50_s": round(cuts[49], 4), "p99_s": round(cuts[98], 4)}


async def measure(rate: float, seconds: float) -> dict[str, Any]:
    """Return the quantiles of the system and of the baseline, and their ratios."""
    count = round(rate * seconds)
    with servers() as (kafka, url), tempfile.TemporaryDirectory(prefix="tierline-bench-") as home:
        base = quantiles(await bare(kafka, url, rate, count))
        events, decisions = await whole(Path(home), kafka, url, rate, count)
    shown = quantiles(events)
    return {
        "rate": rate,
        "events": count,
        "event": shown,
        "decision": quantiles(decisions),
        "baseline": base,
        "ratio": {name: round(shown[name] / base[name], 2) for name in base},
    }


def line(results: Mapping[str, Any]) -> str:
    """Return what is printed."""
    event, decision, base = (results[name] for name in ("event", "decision", "baseline"))
    return (
        f"end to end at {results['rate']:g} events/s, {results['events']} events: in the tracker"
        f" after {event['p50_s']} s (p50) and {event['p99_s']} s (p99; goal {GOAL_S}), with the"
        f" decision after {decision['p50_s']} s and {decision['p99_s']} s; baseline"
        f" {base['p50_s']} s and {base['p99_s']} s, ratios {results['ratio']['p50_s']} and"
        f" {results['ratio']['p99_s']}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=200.0, help="events posted a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="for how long")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    results = uvloop.run(measure(given.rate, given.seconds))
    sys.stdout.write(f"{json.dumps(results) if given.json else line(results)}\n")


if __name__ == "__main__":
    main()
