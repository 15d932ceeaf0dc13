"""Read what Tierline decides, straight from Kafka: a team's own consumer, to be copied.

    python docs/examples/read_tier_changes.py --brokers localhost:9092 --tier 3

It prints a line for each move to the tier and each escalation to it. What matters is not what it
prints but what it holds to:

1. A key is a ticket, and its decisions come in order. `version` rises by one: apply the next one,
   drop what was seen, treat a jump as a gap that must be looked into.
2. At least once: a position is committed only after the decisions before it were dealt with, so
   that after a crash some come again. Rule 1 makes that harmless; keep the versions where you keep
   your results, in the same transaction.
3. Unknown types and unknown keys are passed over: adding them is no new version of the contract.
   The types and their keys are in schemas/asyncapi.yaml.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer


def is_next(seen: dict[str, int], ticket: str, version: int) -> bool:
    """Say whether a decision is the ticket's next one, and note that it was seen.

    The first that is ever seen of a ticket counts as next: a consumer may join at any time.
    """
    last = seen.get(ticket)
    if last is not None and version <= last:
        return False
    if last is not None and version > last + 1:
        sys.stderr.write(f"{ticket}: versions {last + 1} to {version - 1} are missing\n")
    seen[ticket] = version
    return True


def line(event: dict[str, Any], tier: int) -> str | None:
    """Return what to print of *event*, or None when it does not concern *tier*."""
    data = event["data"]
    if event["type"] == "tier.changed" and data["to_tier"] == tier:
        said = f"moved from tier {data['from_tier']} to tier {tier}"
    elif event["type"] == "escalation.raised" and data["target"] == f"t{tier}":
        said = f"escalated to tier {tier}, an answer is due {data['ack_due']}"
    else:
        return None
    why = ", ".join(data["because"]["triggers"])
    return f"{data['ticket']} version {data['version']}: {said} ({data['priority']}, {why})"


async def read(args: argparse.Namespace) -> None:
    """Print decisions until stopped, or with `--once` until the present end of the topic."""
    consumer = AIOKafkaConsumer(
        args.topic,
        bootstrap_servers=args.brokers,
        group_id=args.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # Decisions that a crash left half written are no decisions.
        isolation_level="read_committed",
    )
    seen: dict[str, int] = {}
    await consumer.start()
    try:
        while not (args.once and await is_at_end(consumer)):
            batches = await consumer.getmany(timeout_ms=1000, max_records=500)
            for records in batches.values():
                for record in records:
                    event = json.loads(record.value)
                    if not is_next(seen, event["data"]["ticket"], event["data"]["version"]):
                        continue
                    if (said := line(event, args.tier)) is not None:
                        sys.stdout.write(f"{said}\n")
            sys.stdout.flush()
            if batches:
                await consumer.commit()
    finally:
        await consumer.stop()


async def is_at_end(consumer: AIOKafkaConsumer) -> bool:
    """Say whether everything that is on the topic has been read."""
    own = consumer.assignment()
    ends = await consumer.end_offsets(list(own))
    return bool(own) and all([await consumer.position(one) >= ends[one] for one in own])


def main() -> None:
    """Read the command line and start."""
    parser = argparse.ArgumentParser(description="Print what is decided about one tier.")
    parser.add_argument("--brokers", default="localhost:9092", help="host:port of Kafka")
    parser.add_argument("--topic", default="tickets.tier-changes", help="the topic of decisions")
    parser.add_argument("--group", default="tier-watch", help="your own consumer group")
    parser.add_argument("--tier", type=int, default=3, help="the tier to watch")
    parser.add_argument("--once", action="store_true", help="end at the topic's present end")
    asyncio.run(read(parser.parse_args()))


if __name__ == "__main__":
    main()
