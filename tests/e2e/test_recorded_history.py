"""A recorded history, live at many times the world's speed, against the same on a virtual clock."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from pydantic_core import from_json

from cli.demo.command import HISTORY
from tests.support.consuming import until
from tests.support.kafka_topics import all_records
from tests.support.recorded_history import first_day, play
from tests.support.whole_system import Site, read, running

SERVICES = ("intake", "escalator")

Decisions = dict[str, list[dict[str, Any]]]
Snapshots = dict[str, dict[str, Any]]


@dataclass
class Outcome:
    """What was decided on each ticket, and where that left its case."""

    decisions: Decisions
    snapshots: Snapshots


def tierline(*words: str, given: bytes | None = None) -> bytes:
    """Return what the command prints."""
    code = "from cli.main import main; main()"
    run = [sys.executable, "-c", code, *words]
    return subprocess.run(run, input=given, check=True, capture_output=True).stdout


def simulated(until_: str) -> Outcome:
    """Return what `tierline import … | tierline simulate -` makes of the first day."""
    events = tierline("import", str(HISTORY), "--days", "1")
    printed = tierline("simulate", "-", "--until", until_, "--snapshot", given=events)
    lines = [json.loads(line) for line in printed.splitlines()]
    snapshots = {one["ticket"]: one for one in lines if one["type"] == "case.snapshot"}
    return Outcome(by_ticket(one for one in lines if one["type"] != "case.snapshot"), snapshots)


def by_ticket(decisions: Iterable[Mapping[str, Any]]) -> Decisions:
    """Return *decisions* without how late they were made, by ticket."""
    found: Decisions = defaultdict(list)
    for one in decisions:
        found[one["subject"]].append({**one, "data": {**one["data"], "late_by_s": 0}})
    return dict(found)


def withdrew(decisions: Iterable[Mapping[str, Any]]) -> bool:
    """Whether something was raised and taken back, because an event arrived after it."""
    return any(one["data"].get("detail") == "late_event" for one in decisions)


def settled(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """Return *snapshot* without what counts the decisions that led to it."""
    plain = json.loads(json.dumps(snapshot))
    del plain["version"], plain["counters"]["retracted"]
    for one in plain["escalations"]:
        del one["escalation_id"]
    return dict(plain)


async def test_the_live_run_ends_where_the_simulation_ends_and_by_the_same_decisions(
    kafka: str, database: str, topic_prefix: str, tmp_path: Path
) -> None:
    told = first_day()
    site = Site(tmp_path, kafka, database, topic_prefix)
    async with (
        running(site.plan(services=SERVICES)) as stack,
        httpx2.AsyncClient(trust_env=False, timeout=30) as client,
    ):
        feed, then = await play(stack, told)
        await stack.serve(then)

        async def state(ticket: str) -> dict[str, Any]:
            url = f"{stack.url('escalator')}/v1/tickets/{ticket}/state"
            return dict(await read(client, url))

        some = await state(next(iter(feed.accepted)))
        expected = await asyncio.to_thread(simulated, some["at"])

        async def same() -> bool:
            # Timers that fell due while the services were started anew may still be firing.
            for ticket, snapshot in expected.snapshots.items():
                if settled(await state(ticket)) != settled(snapshot):
                    return False
            return True

        await until(same)
        live = {ticket: await state(ticket) for ticket in feed.accepted}
        made = sum(snapshot["version"] for snapshot in live.values())
        topic = f"{topic_prefix}tickets.tier-changes"

        async def published() -> bool:
            return len(await all_records(kafka, topic)) >= int(made)

        await until(published)
        records = await all_records(kafka, topic)
    decided = by_ticket(from_json(record.value or b"") for record in records)
    in_time = [ticket for ticket, made in decided.items() if not withdrew(made)]
    assert live.keys() == expected.snapshots.keys()
    assert len(in_time) > 0.9 * len(live)
    for ticket in in_time:
        assert decided[ticket] == expected.decisions[ticket]
        assert live[ticket] == expected.snapshots[ticket]
