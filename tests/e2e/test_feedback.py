"""Answers after a shift: from the page through the whole system into the next review."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx2
from typer.testing import CliRunner

from cli.main import app
from shared.runtime.clock import Clock
from tests.support.consuming import until
from tests.support.whole_system import Site, post, read, running


async def test_what_is_said_on_the_page_after_a_shift_stands_in_the_review(
    kafka: str, database: str, topic_prefix: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, kafka, database, topic_prefix)
    plan = site.plan(services=("intake", "escalator", "tracker"))
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=30, follow_redirects=True) as client,
        running(plan) as stack,
    ):
        await stack.serve(Clock())
        report = {"title": "Nobody can log in", "severity": "S2", "affected_users": 40}
        await post(client, stack, id="e1", type="ticket.opened", data=report)
        tracker = stack.url("tracker")

        async def is_shown() -> bool:
            return bool((await read(client, f"{tracker}/v1/tickets/desk:A")).get("tier"))

        await until(is_shown)
        form = (await client.get(f"{tracker}/feedback/shift")).text
        (name,) = re.findall(r'name="id" value="([^"]+)"', form)
        filled = {"id": name, "ticket": "desk:A", "by": "olga", "load": "4"}
        filled["missing"] = "the printers"
        for _ in range(2):  # a form that is sent twice is one act
            answer = await client.post(f"{tracker}/feedback/shift", data=filled)
            assert answer.status_code == 200
            assert "It is read in the next review" in answer.text
        found = await asyncio.to_thread(_review, kafka, topic_prefix)
    told = {one["of"]: one for one in found["metrics"]["Agent and department voice"]}
    assert (told["shift load 4"]["value"], told["shift load 4"]["count"]) == (1.0, 1)


def _review(kafka: str, topic_prefix: str) -> Any:
    words = ["review", "--since", "2020-01-01T00:00:00Z", "--until", "2100-01-01T00:00:00Z"]
    variables = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TIERLINE_TOPIC_PREFIX": topic_prefix}
    result = CliRunner().invoke(app, [*words, "--json"], env=variables)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
