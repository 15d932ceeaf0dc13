"""How fast intake accepts events, beside the least that could be done with the same libraries.

    KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 python -m tests.bench.bench_intake [--json]

The baseline is a bare FastAPI route that hands the body to a bare aiokafka producer and answers
202: no check of any kind, the producer's own defaults. Both serve the same bytes from a process of
their own, one after the other in short turns, so that what else the machine does hits both alike.
The ratio at each number of connections is the median over the pairs of turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from shared.contract.topics import TICKET_EVENTS
from shared.runtime.clock import monotonic
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics

CONNECTIONS: Final = (1, 16, 64)
TURNS: Final = 7
TURN_S: Final = 2.0
WARM_UP_S: Final = 1.5


def request(connection: int, number: int) -> bytes:
    """Return one whole HTTP request; tickets are spread over all partitions."""
    body = json.dumps(
        {
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
    ).encode()
    head = (
        "POST /v1/events HTTP/1.1\r\nhost: bench\r\n"
        f"content-type: application/cloudevents+json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def post_for(port: int, connections: int, seconds: float) -> float:
    """Return accepted events a second over *connections* kept open for *seconds*."""
    accepted = 0
    until = monotonic() + seconds

    async def one(connection: int) -> None:
        nonlocal accepted
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = 0
        while monotonic() < until:
            writer.write(request(connection, number))
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 202"):
                raise AssertionError(head.decode())
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            number += 1
            accepted += 1
        writer.close()
        await writer.wait_closed()

    began = monotonic()
    await asyncio.gather(*(one(connection) for connection in range(connections)))
    return accepted / (monotonic() - began)


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


async def measure(kafka: str) -> dict[str, dict[str, float]]:
    """Return, by number of connections, both rates and their ratio."""
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
        "BASELINE_TOPIC": f"{prefix}{TICKET_EVENTS}",
    }
    results = {}
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(server("services.intake", environ))
        bare = await stack.enter_async_context(server("tests.bench.bare_intake", environ))
        for connections in CONNECTIONS:
            pairs = []
            for port in (ours, bare):
                await post_for(port, connections, WARM_UP_S)
            for _ in range(TURNS):
                mine = await post_for(ours, connections, TURN_S)
                theirs = await post_for(bare, connections, TURN_S)
                pairs.append((mine, theirs))
            results[str(connections)] = {
                "intake_per_s": round(statistics.median(mine for mine, _ in pairs), 1),
                "baseline_per_s": round(statistics.median(theirs for _, theirs in pairs), 1),
                "ratio": round(statistics.median(mine / theirs for mine, theirs in pairs), 3),
            }
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    results = asyncio.run(measure(os.environ["KAFKA_BOOTSTRAP_SERVERS"]))
    if arguments.json:
        print(json.dumps(results))  # noqa: T201  its purpose
        return
    for connections, found in results.items():
        print(  # noqa: T201  its purpose
            f"intake, {connections:>2} connections: {found['intake_per_s']:8.1f} accepted/s,"
            f" baseline {found['baseline_per_s']:8.1f}/s, ratio {found['ratio']:.3f}"
        )


if __name__ == "__main__":
    main()
