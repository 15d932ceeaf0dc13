"""How late timers fire when many are due at once among very many cases, and how much a case takes.

    python -m tests.bench.bench_timers [--open N] [--due N] [--storm N] [--json]

So many tickets are open, spread over the partitions; so many of them are due within one second. The
lateness is from a timer's due time to the commit of its decision; the goal is 1 s for 99 of 100.
Then a storm: so many timers of the same second, until the last decision is committed; the goal for
10,000 is 30 s. Both run as in production: with a consumer that says how far the input is read, and
the relay beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
from collections.abc import Sequence
from statistics import quantiles
from typing import Any, Final

import asyncpg
import uvloop

from services.escalator.core import engine
from services.escalator.core.decide import dump, hear_of, next_due
from shared.contract.times import Instant, as_datetime, instant, parse_instant, rfc3339
from shared.runtime.clock import Clock, monotonic, new_id
from shared.runtime.kafka import partition_for
from tests.bench.servers import servers
from tests.support.escalator_service import (
    PARTITIONS,
    POLICY,
    TIMELINE,
    Stage,
    a_stage,
    at,
    escalating,
)
from tests.support.ticket_events import opened

GOAL_S: Final = 1.0
NOON: Final = "2026-03-02T12:00:00+00:00"
_COLUMNS: Final = (
    "key",
    "topic_partition",
    "version",
    "status",
    "tier",
    "epoch",
    "due_at",
    "due_token",
    "updated_at",
    "body",
)


class Nothing:
    """No case is known yet."""

    def case(self, key: str) -> None:
        """Return no case."""

    def history(self, key: str) -> list[Any]:
        """Return what a new case has heard."""
        del key
        return []


def due_after() -> int:
    """Return the seconds from the opening of a ticket of these benchmarks until it is due."""
    opened_at = parse_instant(NOON)
    return a_body(opened_at)[1] - opened_at


def a_body(opened_at: Instant) -> tuple[str, Instant]:
    """Return the case of the ticket NAME, opened at *opened_at*, and when it is due."""
    event = opened(rfc3339(opened_at), ticket="NAME", severity="S2")
    outcome = engine.hear(Nothing(), hear_of(event, 0, POLICY), TIMELINE, opened_at)
    case = outcome.cases["desk:NAME"]
    due = next_due(case, TIMELINE)
    assert due is not None
    return dump(case).decode(), due


async def fill(conn: asyncpg.Connection[Any], name: str, count: int, opened_at: Instant) -> None:
    """Put *count* open tickets into the table that were opened at *opened_at*."""
    body, due = a_body(opened_at)
    rows = []
    for n in range(count):
        key = f"desk:{name}{n}"
        partition = partition_for(key.encode(), PARTITIONS)
        named = body.replace("desk:NAME", key)
        moment = as_datetime(opened_at)
        rows.append((key, partition, 1, "new", 1, 1, as_datetime(due), new_id(), moment, named))
    await conn.copy_records_to_table(
        "ticket_state", records=rows, columns=_COLUMNS, schema_name="escalator"
    )


async def a_wave(stage: Stage, conn: asyncpg.Connection[Any], name: str, count: int) -> list[float]:
    """Let *count* timers be due at one second while all runs; return how late each fired, seconds."""
    async with escalating(stage) as escalator:
        soon = instant(stage.clock.now()) + 4 + count // 4000
        await fill(conn, name, count, Instant(soon - due_after()))
        question = (
            "SELECT extract(epoch FROM min(created_at)) FROM escalator.outbox"
            " WHERE ticket LIKE $1 GROUP BY ticket"
        )
        fired: list[Any] = []
        began = monotonic()
        while len(fired) < count and monotonic() - began < 120:
            await asyncio.sleep(0.5)
            fired = await conn.fetch(question, f"desk:{name}%")
        del escalator
    real_due = (soon - stage.clock.offset_s) / stage.clock.speed
    return [float(row[0]) - real_due for row in fired]


async def measure(given: argparse.Namespace) -> dict[str, float]:
    """Return sizes and latenesses."""
    with servers() as (kafka, url):
        clock: Clock = at(NOON)
        stage = await a_stage(kafka, f"bench-{secrets.token_hex(4)}.", url, clock)
        conn = await asyncpg.connect(url)
        # Opened in the last minutes of the virtual present: none of them is due during the run.
        await fill(conn, "open", given.open, instant(clock.now()))
        await conn.execute("VACUUM ANALYZE escalator.ticket_state")
        size = await conn.fetchval("SELECT pg_total_relation_size('escalator.ticket_state')")
        late = await a_wave(stage, conn, "due", given.due)
        storm = await a_wave(stage, conn, "storm", given.storm)
        await conn.close()
    return {
        "open": given.open,
        "bytes_per_case": round(size / given.open),
        "due": len(late),
        "late_p50_s": round(quantiles(late, n=100)[49], 3),
        "late_p99_s": round(quantiles(late, n=100)[98], 3),
        "storm": len(storm),
        "storm_drained_s": round(max(storm), 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=100_000, help="open tickets")
    parser.add_argument("--due", type=int, default=1000, help="due within one second")
    parser.add_argument("--storm", type=int, default=10_000, help="due within one second, then")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    results = uvloop.run(measure(given))
    if given.json:
        print(json.dumps(results))  # noqa: T201  its purpose
        return
    print(  # noqa: T201  its purpose
        f"{results['open']} open tickets, {results['bytes_per_case']} bytes each (goal 4096);"
        f" {results['due']} due in one second: late by {results['late_p50_s']} s (p50),"
        f" {results['late_p99_s']} s (p99; goal {GOAL_S}); a storm of {results['storm']} drained"
        f" in {results['storm_drained_s']} s (goal 30)"
    )


if __name__ == "__main__":
    main()
