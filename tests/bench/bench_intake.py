"""How fast intake accepts events, beside the least that could be done with the same libraries.

    KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 python -m tests.bench.bench_intake [--json]

The baseline is a bare FastAPI route that hands the body to a bare aiokafka producer and answers
202: no check of any kind, the producer's own defaults; a batch it takes apart and sends item by
item. Both serve the same bytes from a process of their own, one after the other in short turns, so
that what else the machine does hits both alike. The ratio at each number of connections is the
median over the pairs of turns; so are rates and the 99th percentile of the answers' times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from shared.contract.topics import TICKET_EVENTS
from shared.runtime.clock import monotonic
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics

_DIFFERENT: Final = 16
CONNECTIONS: Final = (1, 16, 64, 256)
BATCHES: Final = (1, 100)
TURNS: Final = 5
TURN_S: Final = 1.5
WARM_UP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What one turn found: accepted events a second, and the 99th percentile of answers' times."""

    per_s: float
    p99_ms: float


def event(connection: int, number: int) -> dict[str, Any]:
    """Return one event; tickets are spread over all partitions."""
    return {
        "specversion": "1.0",
        "id": f"bench-{connection}-{number}",
        "source": "desk",
        "type": "ticket.opened",
        "subject": f"INC{(connection * 7919 + number) % 5000:07d}",
        "time": "2026-03-02T10:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "title": "Invoices cannot be opened after the update",
            "severity": "S2",
            "affected_users": 40,
            "customer": {"id": "c-17", "name": "Acme", "plan": "standard", "vip": False},
            "service": "billing",
            "component": "invoices",
            "symptom": "error 500",
            "tags": ["billing", "regression"],
            "url": "https://desk.example/t/17",
        },
    }


def request(connection: int, number: int, batch: int) -> bytes:
    """Return one whole HTTP request with *batch* events; 1 is a single event."""
    if batch == 1:
        mode, content = "application/cloudevents+json", json.dumps(event(connection, number))
    else:
        mode = "application/cloudevents-batch+json"
        content = json.dumps([event(connection, number * batch + n) for n in range(batch)])
    body = content.encode()
    head = (
        "POST /v1/events HTTP/1.1\r\nhost: bench\r\n"
        f"content-type: {mode}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def post_for(port: int, connections: int, seconds: float, batch: int) -> Pace:
    """Return the pace over *connections* kept open for *seconds*, *batch* events a request."""
    times: list[float] = []
    # Made before the time runs: what is measured is not the making of JSON.
    ready = [
        [request(connection, number, batch) for number in range(_DIFFERENT)]
        for connection in range(min(connections, _DIFFERENT))
    ]
    until = monotonic() + seconds

    async def one(connection: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        mine = ready[connection % len(ready)]
        number = 0
        while (began := monotonic()) < until:
            writer.write(mine[number % len(mine)])
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            said = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 202"):
                raise AssertionError((head + said).decode())
            times.append(monotonic() - began)
            number += 1
        writer.close()
        await writer.wait_closed()

    began = monotonic()
    await asyncio.gather(*(one(connection) for connection in range(connections)))
    per_s = len(times) * batch / (monotonic() - began)
    return Pace(per_s, sorted(times)[int(len(times) * 0.99)] * 1000)


@asynccontextmanager
async def server(module: str, environ: dict[str, str]) -> AsyncIterator[int]:
    """Run *module*, which says on standard error where it listens, and give the port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, env=environ, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    said = []
    try:
        while line := await process.stderr.readline():
            said.append(line.decode())
            if b'"listening"' in line:
                yield int(json.loads(line)["port"])
                return
        raise RuntimeError("".join(said))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def measure(
    kafka: str, batches: Sequence[int], connections: Sequence[int]
) -> list[dict[str, float]]:
    """Return rates, ratio and times, a row for each size of batch and number of connections."""
    prefix = f"bench-{secrets.token_hex(4)}."
    await create_topics(KafkaAccess(bootstrap_servers=kafka), prefix=prefix, replicas=1)
    environ = {
        "PATH": os.environ["PATH"],
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TIERLINE_TOPIC_PREFIX": prefix,
        "TIERLINE_DRAIN_DELAY_S": "0",
        "INTAKE_HTTP_PORT": "0",
        "INTAKE_ALLOW_ANONYMOUS": "true",
        "INTAKE_RATE_PER_S": "1000000",
        "INTAKE_RATE_BURST": "1000000",
        # As the baseline does: let everybody wait, however long.
        "INTAKE_MAX_EVENTS_IN_FLIGHT": "1000000",
        "INTAKE_PUBLISH_DEADLINE": "PT60S",
        "BASELINE_TOPIC": f"{prefix}{TICKET_EVENTS}",
    }
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(server("services.intake", environ))
        bare = await stack.enter_async_context(server("tests.bench.bare_intake", environ))
        return [
            await compared(ours, bare, count, batch) for batch in batches for count in connections
        ]


async def compared(ours: int, bare: int, connections: int, batch: int) -> dict[str, float]:
    """Return one row: both servers in turn."""
    for port in (ours, bare):
        await post_for(port, connections, WARM_UP_S, batch)
    pairs = []
    for _ in range(TURNS):
        mine = await post_for(ours, connections, TURN_S, batch)
        pairs.append((mine, await post_for(bare, connections, TURN_S, batch)))
    return {
        "batch": batch,
        "connections": connections,
        "intake_per_s": round(statistics.median(mine.per_s for mine, _ in pairs), 1),
        "baseline_per_s": round(statistics.median(theirs.per_s for _, theirs in pairs), 1),
        "ratio": round(statistics.median(mine.per_s / theirs.per_s for mine, theirs in pairs), 3),
        "intake_p99_ms": round(statistics.median(mine.p99_ms for mine, _ in pairs), 1),
        "baseline_p99_ms": round(statistics.median(theirs.p99_ms for _, theirs in pairs), 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    parser.add_argument("--batch", type=int, help="only batches of so many events; 1 is none")
    parser.add_argument("--connections", type=int, help="only so many connections")
    given = parser.parse_args()
    batches = BATCHES if given.batch is None else (given.batch,)
    connections = CONNECTIONS if given.connections is None else (given.connections,)
    kafka = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    rows = asyncio.run(measure(kafka, batches, connections))
    if given.json:
        print(json.dumps(rows))  # noqa: T201  its purpose
        return
    for one in rows:
        print(  # noqa: T201  its purpose
            f"intake, {one['connections']:>3} connections, batches of {one['batch']:>3}:"
            f" {one['intake_per_s']:8.1f} accepted/s (p99 {one['intake_p99_ms']:7.1f} ms),"
            f" baseline {one['baseline_per_s']:8.1f}/s (p99 {one['baseline_p99_ms']:7.1f} ms),"
            f" ratio {one['ratio']:.3f}"
        )


if __name__ == "__main__":
    main()
