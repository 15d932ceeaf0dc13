"""The consumer that teams copy, run as a process of its own against the real broker."""

import asyncio
import sys
from pathlib import Path

from shared.contract.topics import TIER_CHANGES
from tests.support.decisions import a_decision, publish
from tests.support.kafka_topics import a_topic

EXAMPLE = Path("docs/examples/read_tier_changes.py")


async def run(kafka: str, topic: str) -> tuple[list[str], str]:
    """Run the example to the end of the topic, and return what it printed and complained of."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), "--brokers", kafka, "--topic", topic),
        *("--group", f"{topic}.team", "--tier", "3", "--once"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().splitlines(), err.decode()


async def test_the_example_tells_each_decision_once_names_gaps_and_goes_on_where_it_was(
    kafka: str, topic_prefix: str
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}{TIER_CHANGES}")
    raised = a_decision(version=1, target="t3", ack_due="2026-03-02T10:05:00Z", tier=3)
    gap = a_decision(version=4, target="t3", ack_due="2026-03-02T10:09:00Z", tier=3)
    other = a_decision(version=1, ticket="desk:B", target="t2", ack_due=None)
    await publish(kafka, topic, [raised, raised, other, gap])
    lines, complaints = await run(kafka, topic)
    assert lines == [
        "desk:A version 1: escalated to tier 3, an answer is due 2026-03-02T10:05:00Z (P2, T06)",
        "desk:A version 4: escalated to tier 3, an answer is due 2026-03-02T10:09:00Z (P2, T06)",
    ]
    assert "desk:A: versions 2 to 3 are missing" in complaints
    assert await run(kafka, topic) == ([], "")
