"""The handbook as a browser shows it: no barrier, a search that finds, a telephone's width, paper."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, Page
from typing_extensions import override

from cli.handbook.site import pages, write
from cli.handbook.sources import SOURCES, pages_in
from cli.roleplay.browser import application
from cli.roleplay.library import TRAINING
from services.escalator.core.roleplay.loading import read_scenario
from services.notifier.roster_file import load_roster_file
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from tests.support.browser import TELEPHONE, a_browser, violations
from tests.support.house import ROOT


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Give the address at which *folder* is served on the loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the handbook of the shipped policy, long unreviewed."""
    policy = load_policy_file(DEFAULT_POLICY)
    roster = load_roster_file(ROOT / "deploy" / "roster" / "default.yaml")
    folder = tmp_path_factory.mktemp("handbook")
    built = pages(pages_in(SOURCES), policy, roster)
    write(built, folder, policy=policy, roster=roster, today=date(2028, 1, 1))
    with served(folder) as address:
        yield address


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with a_browser() as one:
        yield one


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page of its own in the browser of this module."""
    one = await browser.new_page()
    yield one
    await one.close()


async def test_no_page_keeps_anybody_out(site: str, page: Page) -> None:
    found = {}
    for name in [*(one.name for one in pages_in(SOURCES)), "search"]:
        await page.goto(f"{site}/{name}.html")
        found[name] = await violations(page)
    assert {name: one for name, one in found.items() if one} == {}


async def test_a_flaw_that_shows_in_one_look_only_is_found(page: Page) -> None:
    pale = "@media (prefers-color-scheme: dark) and (width < 500px) { p { color: #eee; background: #fff } }"
    text = f"<main><h1>Above</h1><p>Below it</p></main><style>{pale}</style>"
    await page.set_content(f'<html lang="en"><title>A</title><body>{text}</body></html>')
    (found,) = await violations(page)
    assert found.startswith("dark, 375 px: color-contrast")


async def test_the_pages_of_a_role_play_keep_nobody_out(tmp_path: Path, page: Page) -> None:
    policy = load_policy_file(DEFAULT_POLICY)
    file = TRAINING / "roleplays" / "R01.yaml"
    found = read_scenario(file.read_text("utf-8"), name="R01", policy=policy)
    roster = load_roster_file(ROOT / "deploy" / "roster" / "default.yaml")
    app = application({"R01": found}, policy, roster)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://here"
    ) as client:
        for path in ("/", "/R01", "/handbook.css"):
            answer = await client.get(path)
            name = {"/": "index.html", "/R01": "R01.html"}.get(path, path[1:])
            (tmp_path / name).write_bytes(answer.content)
        over = {"sitting": '{"acts": [], "now": 0}', "do": "end"}
        answer = await client.post("/R01", data=over)
        (tmp_path / "over.html").write_bytes(answer.content)
    found_on = {}
    with served(tmp_path) as address:
        for name in ("index", "R01", "over"):
            await page.goto(f"{address}/{name}.html")
            found_on[name] = await violations(page)
    assert {name: one for name, one in found_on.items() if one} == {}


async def test_the_search_finds_a_section_without_breaking_its_own_policy(
    site: str, page: Page
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto(f"{site}/tiers.html")
    await page.get_by_label("Search").fill("rolling back")
    await page.get_by_role("button", name="Find").click()
    link = page.get_by_role("link", name="External procedures: Engineering")
    await link.click()
    await page.wait_for_url("**/external-procedures.html#engineering")
    assert complaints == []


async def test_a_telephone_scrolls_tables_and_not_the_page(site: str, page: Page) -> None:
    await page.set_viewport_size({"width": TELEPHONE, "height": 740})
    for name in [*(one.name for one in pages_in(SOURCES)), "search"]:
        await page.goto(f"{site}/{name}.html")
        wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert await page.evaluate(wide), name


async def test_the_matrix_is_one_sheet_of_paper(site: str, page: Page) -> None:
    await page.goto(f"{site}/matrix.html")
    paper = await page.pdf(prefer_css_page_size=True)
    assert paper.count(b"/Type /Page\n") == 1


async def test_an_old_page_says_so_in_more_than_a_colour(site: str, page: Page) -> None:
    await page.goto(f"{site}/tiers.html")
    assert "To be reviewed since" in await page.locator(".reviewed").inner_text()
