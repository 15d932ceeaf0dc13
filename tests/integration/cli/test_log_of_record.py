"""A shadow and a review beside the running system: they read the topics, and leave no trace."""

from __future__ import annotations

import asyncio
import json
import sys
from os import environ
from pathlib import Path

import pytest

from cli.shadow.watching import Shadow, watch
from shared.contract.envelope import encode
from shared.contract.times import Seconds, as_datetime, instant, parse_instant
from shared.contract.topics import POLICIES, TICKET_EVENTS, TIER_CHANGES
from shared.policy.load import DEFAULT_POLICY, edited, load_policy_file
from shared.runtime.clock import Clock
from shared.runtime.kafka import TopicMissingError, reading
from shared.runtime.settings import KafkaAccess
from tests.support.decisions import decided, default_policies, publish
from tests.support.kafka_topics import a_topic, all_records, write
from tests.support.ticket_events import opened, replied

POLICY = load_policy_file(DEFAULT_POLICY)
FASTER = edited(POLICY, {"cells.S3.I1.t1_max": "4h"})
BEGIN = "2026-03-02T08:00:00Z"
EVENTS = [opened(BEGIN, plan="standard"), replied("2026-03-02T08:10:00Z")]


async def a_log(kafka: str, prefix: str) -> None:
    """Make the topics, with one ticket's events and decisions on them."""
    await a_topic(kafka, f"{prefix}{TICKET_EVENTS}")
    await a_topic(kafka, f"{prefix}{TIER_CHANGES}")
    await a_topic(kafka, f"{prefix}{POLICIES}", partitions=1)
    await write(kafka, f"{prefix}{TICKET_EVENTS}", [encode(one) for one in EVENTS])
    await publish(kafka, f"{prefix}{TIER_CHANGES}", decided(EVENTS, "2026-03-02T09:00:00Z"))


async def test_a_shadow_says_whom_the_candidate_would_have_called_and_writes_nothing(
    kafka: str, topic_prefix: str
) -> None:
    await a_log(kafka, topic_prefix)
    # A day of the desk is half a minute, so that the stay of four hours is over within the watch.
    clock = Clock.starting(as_datetime(parse_instant("2026-03-02T08:20:00Z")), speed=3600.0)
    shadow = Shadow(default_policies(), FASTER, instant(clock.now()))
    topic = f"{topic_prefix}{TICKET_EVENTS}"
    async with reading(KafkaAccess(bootstrap_servers=kafka), topic) as reader:
        await watch(reader, shadow, clock, Seconds(7 * 3600))
    told = shadow.comparison.only("after", "call")
    assert ("desk:A", "t2_queue") in {(one.ticket, one.who) for one in told}
    assert shadow.comparison.tickets == {"before": 1, "after": 1}
    assert len(await all_records(kafka, topic)) == len(EVENTS)


async def test_a_review_and_a_bundle_read_the_running_systems_log(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    await a_log(kafka, topic_prefix)
    where = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TIERLINE_TOPIC_PREFIX": topic_prefix}

    async def tierline(*words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).parent / "tierline"), *words,
            env={**environ, **where}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode()

    reviewed = json.loads(await tierline("review", "--month", "2026-03", "--json"))
    assert reviewed["created"] == 1
    key, case = str(tmp_path / "key"), str(tmp_path / "case")
    await tierline("bundle", "key", key)
    words = ("--out", case, "--key", key, "--until", "2026-03-02T09:00:00Z", "--json")
    assert json.loads(await tierline("bundle", "desk:A", *words))["same"] is True


async def test_a_topic_that_does_not_exist_is_said(kafka: str, topic_prefix: str) -> None:
    with pytest.raises(TopicMissingError, match="no topic"):
        async with reading(KafkaAccess(bootstrap_servers=kafka), f"{topic_prefix}none"):
            pass
