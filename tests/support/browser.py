"""A real browser for tests, where there is one: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.support.house import ROOT

REQUIRED: Final = "TIERLINE_BROWSER_REQUIRED"
"""Set to 1 it makes a missing browser an error instead of a reason to skip."""

AXE: Final = ROOT / "tests" / "support" / "vendor" / "axe-core-4.14.1.min.js"
_PLACES: Final = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def browser_path() -> str:
    """Return where a Chromium is; skip the test where there is none."""
    for place in _PLACES:
        if Path(place).exists():
            return place
    reason = f"no Chromium at {', '.join(_PLACES)}"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    """Give a browser without a window."""
    path = browser_path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


async def serious_violations(page: Page) -> list[str]:
    """Return what axe finds on *page* that keeps people out: rule, and the first place."""
    # Past the page's own policy, which lets no foreign script in.
    session = await page.context.new_cdp_session(page)
    await session.send("Runtime.evaluate", {"expression": AXE.read_text("utf-8")})
    found: dict[str, Any] = await page.evaluate("async () => await axe.run(document)")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0].get('failureSummary', '')}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
