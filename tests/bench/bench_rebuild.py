"""How long `tierline rebuild` takes to make the read model of many tickets anew.

    python -m tests.bench.bench_rebuild [--tickets N]

Each made-up ticket was opened, classified and is open: two messages, the fewest that a ticket has.
First the tracker itself projects them, then its tables are made anew, compared and exchanged. The
goal is 1,000,000 tickets in five minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from time import perf_counter
from typing import Final

import uvloop
from aiokafka import AIOKafkaProducer

from services.tracker.filling import Source
from services.tracker.rebuild import Plan, rebuild
from shared.contract.events import decode_event
from shared.contract.ids import decision_id
from shared.contract.topics import PARTITIONS
from shared.runtime.clock import Clock
from shared.runtime.collecting import collect_seldom
from shared.runtime.kafka import partition_for
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics
from tests.bench.bench_simulate import lines
from tests.bench.bench_tracker import PREFIX, TOPICS, a_database, project
from tests.bench.servers import servers
from tests.support.tracker_stream import Said, story

GOAL_TICKETS: Final = 1_000_000
GOAL_S: Final = 300
DIFFERENT: Final = 60


def records(tickets: int) -> Iterator[Said]:
    """Yield the records of so many tickets: some that were decided on, under other names."""
    opened = [decode_event(line) for line in lines(DIFFERENT)]
    told = story([one for one in opened if one.type == "ticket.opened"], notices=False)
    first: dict[str, list[Said]] = {}
    for one in told:
        kept = first.setdefault(one.ticket, [])
        if len(kept) < 2:
            kept.append(one)
    models = list(first.values())
    for number in range(tickets):
        for one in models[number % len(models)]:
            source, _, old = one.ticket.partition(":")
            new = f"B{number}"
            value = one.value.replace(f'"subject":"{old}"'.encode(), f'"subject":"{new}"'.encode())
            value = _named_anew(value, one.ticket, f"{source}:{new}", number)
            headers = [(name, text) for name, text in one.headers if name == "content-type"]
            yield Said(one.topic, f"{source}:{new}", value, headers)


def _named_anew(value: bytes, old: str, new: str, number: int) -> bytes:
    """Return the message with an id of its own, as its service would have given it."""
    before, mark, rest = value.partition(b'"id":"')
    _, _, rest = rest.partition(b'"')
    own = str(decision_id(new, 1)) if b"tierline/escalator" in value else f"bench-{number}"
    return before + mark + own.encode() + b'"' + rest.replace(old.encode(), new.encode())


async def publish(kafka: str, tickets: int) -> int:
    """Write the records, and return how many."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=20, max_batch_size=256 * 1024)
    await producer.start()
    written = 0
    for one in records(tickets):
        key = one.ticket.encode()
        await producer.send(
            f"{PREFIX}{one.topic}", one.value, key, partition_for(key, PARTITIONS),
            headers=one.headers,
        )  # fmt: skip
        written += 1
    await producer.stop()
    return written


async def measure(kafka: str, server: str, tickets: int) -> str:
    """Return what was found, in a line."""
    access = KafkaAccess(bootstrap_servers=kafka)
    await create_topics(access, prefix=PREFIX, replicas=1)
    total = await publish(kafka, tickets)
    async with a_database(server) as url:
        per_s = await project(kafka, url, total)
        source = Source(url, access, TOPICS, Clock(), late_after_s=1.0)
        plan = Plan(source, os.cpu_count() or 1)
        parts: dict[str, float] = {}

        def tell(what: str, _: int, __: int) -> None:
            parts[what] = perf_counter()

        began = perf_counter()
        done = await rebuild(plan, tell)
        took = perf_counter() - began
    until = began
    steps = []
    for what, at in sorted(parts.items(), key=lambda one: one[1]):
        steps.append(f"{what} {at - until:.1f} s")
        until = at
    assert done.exchanged
    assert done.records == total
    return (
        f"rebuild: {tickets:,} tickets, {total:,} messages in {took:.1f} s ({', '.join(steps)});"
        f" projected live at {per_s:,.0f}/s. At this pace {GOAL_TICKETS:,} tickets take"
        f" {took * GOAL_TICKETS / tickets:.0f} s (goal {GOAL_S})"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=20_000)
    arguments = parser.parse_args()
    collect_seldom()  # as the command does
    with servers() as (kafka, url):
        found = uvloop.run(measure(kafka, url, arguments.tickets))
    sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    main()
