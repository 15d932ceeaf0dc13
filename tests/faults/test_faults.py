"""The short forms of what `python -m tests.faults` does at length."""

from __future__ import annotations

import pytest

from tests.faults import bodies, kills, notices, outage
from tests.support import servers
from tests.support.intake_service import Door, intake_here
from tests.support.kafka_topics import a_topic

SEED = 20260302


async def test_ten_thousand_hostile_bodies_do_no_harm(kafka: str, topic_prefix: str) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=3)
    # However slow the machine: what is asked here is what is answered, not how soon.
    async with intake_here(kafka, topic, Door(deadline_s=60)) as client:
        outcome = await bodies.run(client, kafka, topic, 10_000, SEED)
    assert not outcome.findings, outcome.findings[:5]
    assert {202, 207, 400, 413, 415, 422} <= outcome.statuses.keys()


@pytest.mark.chaos
async def test_twenty_seconds_without_kafka_lose_nothing_and_fill_no_memory() -> None:
    with servers.server_home() as folder:
        outcome = await outage.run(20, 300, folder)
    assert outcome.good, (outcome.figures(), outcome.verdict.broken[:5], outcome.failed)
    codes = {one.code for one in outcome.asked if one.status == 503}
    assert {"accept_unknown", "kafka_silent"} <= codes


@pytest.mark.chaos
async def test_kills_of_intake_and_kafka_lose_nothing_accepted() -> None:
    with servers.server_home() as folder:
        outcome = await kills.run(4000, SEED, folder)
    assert outcome.good, (outcome.figures(), outcome.verdict.broken[:5], outcome.refused[:5])
    assert outcome.accepted == 4000
    assert outcome.killed["intake"] >= 2
    assert outcome.killed["kafka"] >= 1


@pytest.mark.chaos
async def test_kills_and_troubled_receivers_lose_no_notice_and_repeat_only_what_may_be_unknown() -> (
    None
):
    with servers.server_home() as folder:
        outcome = await notices.run(60, SEED, folder)
    assert not outcome.findings, (outcome.figures(), outcome.findings[:5])
    assert outcome.killed.keys() == {"notifier", "kafka", "postgres"}
    for channel in ("webhook", "email"):
        assert outcome.doubtful[channel] > 0
        assert outcome.refused[channel] > 0
        assert outcome.repeats[channel] > 0
