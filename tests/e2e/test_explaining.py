"""Why, asked of a running system: by the tracker's routes, on its page, and at the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from pydantic_core import from_json
from typer.testing import CliRunner

from cli.main import app
from shared.runtime.clock import Clock
from tests.support.consuming import until
from tests.support.whole_system import Site, post, read, running

REPORT = {"title": "Nobody can log in", "severity": "S1", "affected_users": 40, "requester": "ann"}
SERVICES = ("intake", "escalator", "tracker")


@pytest.mark.servers
async def test_a_running_system_says_why_and_what_comes_next(
    kafka: str, database: str, topic_prefix: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, kafka, database, topic_prefix)
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=30) as client,
        running(site.plan(services=SERVICES)) as stack,
    ):
        await stack.serve(Clock())
        await post(client, stack, id="1", type="ticket.opened", data=REPORT)
        tracker = stack.url("tracker")
        ticket = f"{tracker}/v1/tickets/desk:A"

        async def decided() -> bool:
            return (await read(client, ticket)).get("tier") == 3

        await until(decided)
        why = await read(client, f"{ticket}/explain")
        comes = await read(client, f"{ticket}/plan", as_of=why["at"])
        unknown = await client.get(f"{tracker}/v1/tickets/desk:B/explain")
        page = (await client.get(f"{tracker}/tickets/desk:A")).text
        args = ["explain", "desk:A", "--tracker", tracker, "--at", why["at"]]
        plain = await asyncio.to_thread(CliRunner().invoke, app, args)
        as_json = await asyncio.to_thread(CliRunner().invoke, app, [*args, "--json"])
        missing = await asyncio.to_thread(
            CliRunner().invoke, app, ["explain", "desk:B", *args[2:4]]
        )

    assert (why["tier"], why["priority"], why["cell"]) == (3, "P1", "S1/I3")
    assert why["next"] == comes["next"]
    assert why["next"][0]["told"][0]["role"] == "t3_oncall"
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_ticket")
    assert "What happens next" in page
    assert "Why somebody was not told" in page
    assert "has not answered" not in page
    assert plain.exit_code == 0, plain.output
    assert "What would have prevented it" in plain.output
    assert from_json(as_json.output) == why
    assert missing.exit_code == 1
    assert "desk:B" in missing.stderr
