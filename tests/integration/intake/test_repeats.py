"""H16 at intake: what a helpdesk sends again is the event that it was, whatever happened between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic_core import from_json

from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import instant
from tests.support.decisions import default_policies
from tests.support.intake_service import Running, intake_process
from tests.support.kafka_topics import a_topic, all_records

BODIES: Final = Path(__file__).parents[2] / "unit" / "intake" / "hooks" / "bodies"
DELIVERY: Final = {
    "zammad": "X-Zammad-Delivery",
    "github": "X-GitHub-Delivery",
    "chatwoot": "X-Chatwoot-Delivery",
    "jira": "X-Atlassian-Webhook-Identifier",
}
"""The header in which each product names a delivery, new with each attempt of some of them."""


def sample_of(product: str) -> dict[str, Any]:
    samples = json.loads((BODIES / f"{product}.json").read_text("utf-8"))["samples"]
    found: dict[str, Any] = next(one for one in samples if one["events"])
    return found


async def deliver(intake: Running, product: str, delivery: str) -> list[str]:
    """Post the sample of *product* as the delivery *delivery*, and return the events' ids."""
    sample = sample_of(product)
    headers = {**sample.get("headers", {}), DELIVERY[product]: delivery}
    answer = await intake.client.post(f"/v1/hooks/{product}", json=sample["body"], headers=headers)
    assert answer.status_code == 202, answer.text
    return [one["id"] for one in answer.json()["events"]]


def decided(events: list[TicketEvent]) -> tuple[list[bytes], list[dict[str, Any]]]:
    simulation = Simulation(default_policies())
    last = max(one.receivedat or one.time for one in events)
    decisions = [encode_decision(one) for one in simulation.run(events, instant(last))]
    return decisions, list(simulation.snapshots())


@pytest.mark.parametrize("product", DELIVERY)
async def test_h16_a_second_delivery_after_a_restart_is_the_same_event_and_changes_nothing(
    kafka: str, topic_prefix: str, product: str
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    environ = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TIERLINE_TOPIC_PREFIX": topic_prefix}
    async with intake_process(environ) as intake:
        first = await deliver(intake, product, "delivery-1")
        assert await deliver(intake, product, "delivery-2") == first
        intake.process.kill()
    async with intake_process(environ) as intake:
        assert await deliver(intake, product, "delivery-3") == first
    records = sorted(await all_records(kafka, topic), key=lambda one: (one.partition, one.offset))
    events = [decode_event(one.value, one.headers) for one in records]
    assert len(events) == 3 * len(first)
    assert not any("delivery" in str(from_json(one.value or b"")) for one in records)
    once, (stood,) = decided(events[: len(first)])
    thrice, (stands,) = decided(events)
    assert thrice == once
    assert stands["counters"].pop("duplicates") == 2 * len(first)
    assert stood["counters"].pop("duplicates") == 0
    assert stands["counters"] == stood["counters"]
