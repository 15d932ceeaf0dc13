"""What a lead does on the board of a running system, with a real desk's day behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect
from typer.testing import CliRunner

from cli.main import app
from tests.support.browser import a_browser
from tests.support.consuming import until
from tests.support.recorded_history import first_day, play
from tests.support.whole_system import Site, running

SERVICES: Final = ("intake", "escalator", "tracker")
PATIENCE_MS: Final = 60_000

Asked = dict[str, Any]


def a_key(file: Path, name: str, *more: str) -> str:
    """Return a new key, made as an operator makes one."""
    command = ["keys", "create", name, "--file", str(file), "--source", "*", "--json", *more]
    made = CliRunner().invoke(app, command)
    assert made.exit_code == 0, made.output
    return str(json.loads(made.stdout)["key"])


async def signed_in(browser: Browser, key: str) -> Page:
    """Return a page whose reader has shown *key*."""
    context = await browser.new_context(
        http_credentials={"username": "me", "password": key}, timezone_id="Europe/Vienna"
    )
    context.set_default_timeout(PATIENCE_MS)
    return await context.new_page()


async def unanswered(tracker: str, escalator: str, key: str) -> tuple[Asked, Asked] | None:
    """Return the ticket nearest to a breach whose call nobody has answered, and the call.

    None while the tracker knows less of it than the escalator, or something on it is overdue.
    """
    headers = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(trust_env=False, headers=headers) as client:
        board = (await client.get(f"{tracker}/v1/board", params={"per_tier": 50})).json()
        for ticket, call in calls(board):
            path = f"/v1/tickets/{ticket['key']}"
            state = (await client.get(f"{escalator}{path}/state")).json()
            plan = (await client.get(f"{tracker}{path}/plan")).json()
            is_quiet = all(step["at"] > plan["at"] for step in plan["next"])
            return (ticket, call) if is_quiet and state["version"] == ticket["version"] else None
    return None


def calls(board: Asked) -> Iterator[tuple[Asked, Asked]]:
    """Yield the tickets of *board* with each call that waits for an answer."""
    for lane in board["tiers"]:
        for ticket in lane["tickets"]:
            for call in ticket["escalations"]:
                if call["ack_due"] and not call["acknowledged_by"] and call["called"]:
                    yield ticket, call


@pytest.mark.servers
async def test_a_lead_finds_the_next_breach_reads_why_answers_and_sees_it_on_the_board(
    kafka: str, database: str, topic_prefix: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, kafka, database, topic_prefix)
    async with running(site.plan(services=SERVICES)) as stack:
        _, then = await play(stack, first_day())
    keys = tmp_path / "keys.yaml"
    keys.write_text("keys: []\n", "utf-8")
    lead = await asyncio.to_thread(a_key, keys, "lead", "--scope", "read", "--scope", "act")
    reader = await asyncio.to_thread(a_key, keys, "reader", "--scope", "read")
    variables = {"INTAKE_KEYS_FILE": str(keys), "TRACKER_KEYS_FILE": str(keys)}
    async with running(site.plan(variables, services=SERVICES)) as stack, a_browser() as browser:
        await stack.serve(then)
        url = stack.url("tracker")
        found: list[tuple[Asked, Asked]] = []

        async def is_there() -> bool:
            one = await unanswered(url, stack.url("escalator"), lead)
            found.extend([] if one is None else [one])
            return bool(found)

        await until(is_there, within_s=60)
        ((ticket, call),) = found
        board, case = await signed_in(browser, lead), await signed_in(browser, lead)
        await board.goto(url)
        row = board.get_by_role("row").filter(has=board.locator(f"a[href$='{ticket['key']}']"))
        await expect(row).not_to_contain_text("taken by")

        # The lead opens the case from the board, and reads why.
        await case.goto(url)
        await case.locator(f"a[href$='{ticket['key']}']").first.click()
        await expect(case.get_by_role("heading", name="Why", exact=True)).to_be_visible()
        await expect(case.get_by_role("heading", name="What happens next")).to_be_visible()

        # In a role that was not called it is refused, and who may answer is said.
        await take(case, call, by="olga", role="passer_by")
        fate = case.get_by_role("status").filter(has_text="escalation.acknowledged")
        await expect(fate).to_contain_text("Refused", timeout=PATIENCE_MS)
        _, _, may = (await fate.inner_text()).partition("Would be accepted: ")
        role = may.partition(",")[0].replace(" ", "_")

        # In a role that may it is taken, and the board shows it by itself.
        await take(case, call, by="olga", role=role)
        await expect(fate).to_contain_text("Done", timeout=PATIENCE_MS)
        await expect(row).to_contain_text("taken by olga", timeout=PATIENCE_MS)

        # Whoever may only read is told why there is nothing to press.
        other = await signed_in(browser, reader)
        await other.goto(f"{url}/tickets/{ticket['key']}")
        await expect(other.locator("#acts + p")).to_contain_text("Your key reads only")
        assert await other.locator("form[method=post]").count() == 0


async def take(case: Page, call: Asked, *, by: str, role: str) -> None:
    """Fill in the form that takes *call*, and send it."""
    form = case.locator(
        "form",
        has=case.locator(f"input[name=escalation_id][value='{call['escalation_id']}']"),
    ).filter(has=case.locator("input[value='escalation.acknowledged']"))
    details = case.locator("details.act", has=form)
    if await details.get_attribute("open") is None:
        await details.locator("summary").click()
    await form.get_by_label("Who acts").fill(by)
    await form.get_by_label("In which role").fill(role)
    await form.get_by_role("button").click()
