"""Intake's own OpenAPI document, and whatever can be made from it, against a real intake."""

from __future__ import annotations

import asyncio
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok

from tests.support.intake_service import intake_process
from tests.support.kafka_topics import a_topic

EXAMPLES = 10


async def test_whatever_the_document_allows_or_forbids_is_never_a_5xx(
    kafka: str, topic_prefix: str
) -> None:
    for name in ("tickets.events", "policies", "hooks.refused"):
        await a_topic(kafka, f"{topic_prefix}{name}", partitions=1)
    environ = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TIERLINE_TOPIC_PREFIX": topic_prefix}
    async with intake_process(environ) as running:
        tried = await asyncio.to_thread(_try_everything, str(running.client.base_url))
    assert {"POST /v1/events", "POST /v1/hooks/{source}", "POST /v1/policies/check"} <= tried


def _try_everything(url: str) -> set[str]:
    """Call every operation many times, and return their names."""
    document = schemathesis.openapi.from_url(f"{url}/openapi.json")
    tried = set()
    for found in document.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        for mode in schemathesis.GenerationMode:
            _call(operation, mode, url)
        tried.add(operation.label)
    return tried


def _call(operation: Any, mode: schemathesis.GenerationMode, url: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(mode))
    def call(case: Any) -> None:
        answer = case.call(base_url=url)
        assert answer.status_code < 500, (operation.label, answer.status_code, answer.text)

    try:
        call()
    except Unsatisfiable:
        # An operation without parameters can be called in no wrong way.
        assert mode is schemathesis.GenerationMode.NEGATIVE
