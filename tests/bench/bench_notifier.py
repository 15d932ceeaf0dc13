"""How fast notices go out through the ledger, beside sending them without one.

    KAFKA_BOOTSTRAP_SERVERS=… DATABASE_URL=postgresql://… python -m tests.bench.bench_notifier [--json]

The notifier reads decisions from Kafka, plans them, claims, sends, writes every result down and
relays each step to Kafka. The baseline has its notices in memory and only sends them, by the same
channel, signed the same, as many at a time. Both run in a process of their own, one after the
other, against one receiver; the rate is what the receiver takes between its first and last request.

Then how late notices are of which 1,000 are due within one second, planned before: by the ledger, from
when each could go to when it was written down that the far side had taken it. And as long, of 300 at
once, how long they wait for nine receivers beside a tenth that hangs.
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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import asyncpg
import uvloop

from shared.contract.topics import TIER_CHANGES
from shared.runtime.clock import monotonic, real_now
from shared.runtime.migrations import migrate
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics
from tests.support.decisions import a_decision, calls, publish
from tests.support.notifier_service import SECRET

GOAL: Final = 0.5
PEOPLE: Final = 8
AT_ONCE: Final = 32
TURNS: Final = 5
COUNT: Final = 1000
PLANNED_BEFORE: Final = timedelta(seconds=4)
WELL: Final = 9
EACH: Final = 30

_WAITED: Final = """
    SELECT extract(epoch FROM finished_at - greatest(planned_at, hold_until)) AS waited
    FROM notifier.delivery WHERE starts_with(ticket, $1) AND state = 'delivered'
"""


@dataclass
class Receiver:
    """Takes every request and notes when the first and the last of a turn came."""

    url: str = ""
    count: int = 0
    first: float = 0.0
    last: float = 0.0

    def begin(self) -> None:
        """Begin a turn."""
        self.count, self.first, self.last = 0, 0.0, 0.0

    def rate(self) -> float:
        """Return the requests a second of this turn."""
        return (self.count - 1) / (self.last - self.first)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            self.last = monotonic()
            self.first = self.first or self.last
            self.count += 1
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
        finally:
            writer.close()

    async def until(self, count: int) -> None:
        """Wait until *count* requests have come in this turn."""
        async with asyncio.timeout(120):
            while self.count < count:  # noqa: ASYNC110  a wake-up for each would be measured
                await asyncio.sleep(0.05)


def roster(*urls: str) -> str:
    """Return a roster of people who listen at *urls*, each at their own."""
    people = [
        f'  p{n}: {{name: Person {n}, webhook: {{url: "{url}", secret: "env:BENCH_SECRET"}}}}'
        for n, url in enumerate(urls)
    ]
    roles = [f"  r{n}: p{n}" for n in range(len(urls))]
    head = ["roster: {name: bench, version: 1}", "modes: {page: [webhook]}", "people:"]
    return "\n".join([*head, *people, "roles:", *roles, ""])


@asynccontextmanager
async def notifier(environ: dict[str, str]) -> AsyncIterator[None]:
    """Run a notifier, and say when it listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.notifier", env=environ, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    said = []
    try:
        while line := await process.stderr.readline():
            said.append(line.decode())
            if b'"listening"' in line:
                break
        else:
            raise RuntimeError("".join(said))
        reading = asyncio.create_task(process.stderr.read())
        yield
        reading.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def through_ledger(receiver: Receiver, kafka: str, topic: str, turn: int) -> float:
    """Return the deliveries a second of one turn through the notifier."""
    receiver.begin()
    decisions = [
        a_decision(ticket=f"desk:{turn}-{n}", notify=calls(f"r{n % PEOPLE}")) for n in range(COUNT)
    ]
    await publish(kafka, topic, decisions)
    await receiver.until(COUNT)
    return receiver.rate()


async def without(receiver: Receiver, environ: dict[str, str]) -> float:
    """Return the deliveries a second of one turn without a ledger."""
    receiver.begin()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.bare_notifier", str(COUNT), str(AT_ONCE), env=environ
    )
    if await process.wait():
        raise RuntimeError("the baseline failed")
    return receiver.rate()


async def due_in_one_second(
    receiver: Receiver, kafka: str, topic: str, database: str
) -> list[float]:
    """Return in order how late each of `COUNT` notices was that were due within a second, in seconds."""
    receiver.begin()
    first = real_now() + PLANNED_BEFORE
    decisions = [
        a_decision(
            ticket=f"desk:due-{n}",
            notify=calls(f"r{n % PEOPLE}"),
            hold_until=(first + timedelta(seconds=n / COUNT)).isoformat(),
        )
        for n in range(COUNT)
    ]
    await publish(kafka, topic, decisions)
    await receiver.until(COUNT)
    return await waited(database, "desk:due-", COUNT)


async def waited(database: str, tickets: str, count: int) -> list[float]:
    """Return how long each of *count* notices about *tickets*, which begin so, waited, in seconds."""
    conn = await asyncpg.connect(database)
    try:
        async with asyncio.timeout(60):
            while len(rows := await conn.fetch(_WAITED, tickets)) < count:  # noqa: ASYNC110  the database wakes nobody
                await asyncio.sleep(0.05)
    finally:
        await conn.close()
    return sorted(float(row["waited"]) for row in rows)


async def beside_a_dead_one(receiver: Receiver, path: Path, environ: dict[str, str]) -> list[float]:
    """Return in order how long each notice to one of nine waited while the tenth hung, in seconds."""
    over, hangs = asyncio.Event(), asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hangs.set()
        await over.wait()
        writer.close()

    dead = await asyncio.start_server(hang, "127.0.0.1", 0)
    nobody = f"http://127.0.0.1:{dead.sockets[0].getsockname()[1]}"
    well = (f"{receiver.url}/{n}" for n in range(WELL))
    await asyncio.to_thread(path.write_text, roster(nobody, *well), encoding="utf-8")
    topic = f"{environ['TIERLINE_TOPIC_PREFIX']}{TIER_CHANGES}"
    kafka = environ["KAFKA_BOOTSTRAP_SERVERS"]
    everybody = calls(*(f"r{n}" for n in range(WELL + 1)))
    async with notifier(environ):
        await publish(kafka, topic, [a_decision(ticket="desk:dead", notify=calls("r0"))])
        await hangs.wait()
        receiver.begin()
        storm = [a_decision(ticket=f"desk:beside-{n}", notify=everybody) for n in range(EACH)]
        await publish(kafka, topic, storm)
        await receiver.until(WELL * EACH)
        found = await waited(environ["DATABASE_URL"], "desk:beside-", WELL * EACH)
        over.set()
    dead.close()
    return found


async def measure(kafka: str, database: str) -> dict[str, float]:
    """Return both rates and their ratio, medians over the turns, and how long notices waited."""
    prefix = f"bench-{secrets.token_hex(4)}."
    await create_topics(KafkaAccess(bootstrap_servers=kafka), prefix=prefix, replicas=1)
    await migrate(database, ["notifier"])
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, backlog=512)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roster.yaml"
        path.write_text(roster(*(f"{receiver.url}/{n}" for n in range(PEOPLE))), encoding="utf-8")
        environ = {
            "PATH": os.environ["PATH"],
            "BENCH_URL": receiver.url,
            "BENCH_SECRET": SECRET,
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "DATABASE_URL": database,
            "TIERLINE_TOPIC_PREFIX": prefix,
            "TIERLINE_DRAIN_DELAY_S": "0",
            "NOTIFIER_HTTP_PORT": "0",
            "NOTIFIER_ROSTER_FILE": str(path),
            "NOTIFIER_WEBHOOK_ALLOW": "http://127.0.0.1/32",
            "NOTIFIER_WEBHOOK_PER_S": "100000",
            "NOTIFIER_PERSON_BURST": "1000000",
            "NOTIFIER_MAX_IN_FLIGHT": str(AT_ONCE),
            "NOTIFIER_AT_ONCE": str(AT_ONCE),
        }
        pairs = []
        async with notifier(environ):
            topic = f"{prefix}{TIER_CHANGES}"
            await through_ledger(receiver, kafka, topic, -1)
            for turn in range(TURNS):
                mine = await through_ledger(receiver, kafka, topic, turn)
                pairs.append((mine, await without(receiver, environ)))
            late = await due_in_one_second(receiver, kafka, topic, database)
        for name in ("NOTIFIER_MAX_IN_FLIGHT", "NOTIFIER_AT_ONCE"):
            del environ[name]
        beside = await beside_a_dead_one(receiver, path, environ)
    server.close()
    return {
        "late_p50_s": round(late[len(late) // 2], 3),
        "late_p99_s": round(late[len(late) * 99 // 100], 3),
        "dead_p50_s": round(beside[len(beside) // 2], 3),
        "dead_p99_s": round(beside[len(beside) * 99 // 100], 3),
        "ledger_per_s": round(statistics.median(mine for mine, _ in pairs), 1),
        "baseline_per_s": round(statistics.median(bare for _, bare in pairs), 1),
        "ratio": round(statistics.median(mine / bare for mine, bare in pairs), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(
            measure(os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["DATABASE_URL"])
        )
    if arguments.json:
        print(json.dumps(found))  # noqa: T201  its purpose
        return
    print(  # noqa: T201  its purpose
        f"notifier, {COUNT} notices to {PEOPLE} webhooks, {AT_ONCE} at a time:"
        f" {found['ledger_per_s']:.0f} deliveries/s through the ledger,"
        f" {found['baseline_per_s']:.0f}/s without, ratio {found['ratio']:.2f} (goal {GOAL});"
        f" {COUNT} due in one second: late by p50 {found['late_p50_s']:.2f} s,"
        f" p99 {found['late_p99_s']:.2f} s;"
        f" {EACH * (WELL + 1)} at once beside one of ten that hangs: p50 {found['dead_p50_s']:.2f} s,"
        f" p99 {found['dead_p99_s']:.2f} s"
    )


if __name__ == "__main__":
    main()
