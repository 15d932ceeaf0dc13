"""Every role-play in a real browser, by the forms of its page: a perfect trainee gets every point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import cache
from typing import Any, Final

import pytest
from playwright.async_api import Page, expect

from cli.embedded.ports import free_ports
from cli.many_cases import hold_many_cases
from cli.roleplay.browser import application
from cli.roleplay.library import TRAINING
from services.escalator.core.roleplay.acting import Act
from services.escalator.core.roleplay.loading import read_scenario, read_script
from services.escalator.core.roleplay.shape import Scenario
from services.notifier.roster_file import load_roster_file
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from shared.runtime.serving import serve
from tests.support.browser import a_browser
from tests.support.house import ROOT

POLICY: Final = load_policy_file(DEFAULT_POLICY)
IDS: Final = [f"R{n:02}" for n in range(1, 13)]
PATIENCE_MS: Final = 60_000
"""A storm of ten thousand tickets passes between two pages of R12."""


@cache
def scenario(name: str) -> Scenario:
    text = (TRAINING / "roleplays" / f"{name}.yaml").read_text("utf-8")
    return read_scenario(text, name=name, policy=POLICY)


def perfect(name: str) -> tuple[Act, ...]:
    text = (TRAINING / "scripts" / f"{name}-perfect.yaml").read_text("utf-8")
    return tuple(read_script(text, scenario(name), name=name).acts)


@pytest.fixture(scope="module")
async def page() -> AsyncIterator[Page]:
    """One page for all role-plays: what a trainee has done is in the form, and nowhere else."""
    async with a_browser() as browser:
        one = await browser.new_page()
        one.set_default_timeout(PATIENCE_MS)
        yield one


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[str]:
    """The address at which the pages are really served."""
    roster = load_roster_file(ROOT / "deploy" / "roster" / "default.yaml")
    app = application({name: scenario(name) for name in IDS}, POLICY, roster)
    hold_many_cases()  # as `tierline roleplay serve` does
    stop, (port,) = asyncio.Event(), free_ports(1)
    serving = asyncio.create_task(
        serve(app, host="127.0.0.1", port=port, stop=stop, drain_delay_s=0)
    )
    yield f"http://127.0.0.1:{port}"
    stop.set()
    await serving


def lines_of(details: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of an act as the page takes them."""
    for key, value in details.items():
        if isinstance(value, Mapping):
            yield from lines_of({f"{key}.{field}": text for field, text in value.items()})
        else:
            yield f"{key}={str(value).lower() if isinstance(value, bool) else value}"


async def wait_for(page: Page, seconds: int) -> None:
    """Let *seconds* pass in the role-play."""
    await page.get_by_label("or for").fill(f"{seconds}s")
    await page.get_by_role("button", name="Let it pass").click()


async def do(page: Page, act: Act) -> None:
    """Fill in the form for *act* and send it."""
    given = act.model_dump(mode="json", exclude_unset=True, exclude={"act", "at", "seat"})
    await page.get_by_label("Seat").select_option(act.seat)
    await page.get_by_label("does").select_option(act.act)
    if text := given.pop("text", ""):
        await page.get_by_label("What is written").fill(str(text))
    if given:
        await page.get_by_label("More, one key=value").fill("\n".join(lines_of(given)))
    await page.get_by_role("button", name="Do it").click()
    await expect(page.get_by_role("status")).to_have_text("")


@pytest.mark.parametrize("name", IDS)
async def test_a_perfect_trainee_gets_every_point_by_the_forms(
    site: str, page: Page, name: str
) -> None:
    await page.goto(f"{site}/{name}")
    now = 0
    for act in perfect(name):
        # A page gives its act the second after the one that it shows.
        if act.at - 1 > now:
            await wait_for(page, act.at - 1 - now)
        await do(page, act)
        now = max(act.at, now + 1)
    await page.get_by_role("button", name="End the role-play").click()
    await expect(page.get_by_role("heading", name="100.0 of 100 points, passed")).to_be_visible()
