"""A real browser for tests, where there is one: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.support.house import ROOT

REQUIRED: Final = "TIERLINE_BROWSER_REQUIRED"
"""Set to 1 it makes a missing browser an error instead of a reason to skip."""

WIDE: Final = 1440
"""The width of a large screen, in pixels of CSS."""

TELEPHONE: Final = 375
"""The width of a small telephone, in pixels of CSS."""

AXE: Final = ROOT / "tests" / "support" / "vendor" / "axe-core-4.14.1.min.js"
_HEIGHT: Final = 900
_RUN: Final = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
_LOOKS: Final[Sequence[tuple[Literal["light", "dark"], int]]] = (
    ("light", WIDE),
    ("light", TELEPHONE),
    ("dark", TELEPHONE),
    ("dark", WIDE),
)
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


async def violations(page: Page) -> list[str]:
    """Return what axe finds on *page* that keeps people out: look, rule, and the first place.

    It looks in both themes, on a wide screen and on a telephone, at the page as it is loaded.
    """
    # Past the page's own policy, which lets no foreign script in.
    session = await page.context.new_cdp_session(page)
    await session.send("Runtime.evaluate", {"expression": AXE.read_text("utf-8")})
    found = []
    for scheme, width in _LOOKS:
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": _HEIGHT})
        seen: list[dict[str, Any]] = await page.evaluate(_RUN)
        found += [
            f"{scheme}, {width} px: {one['id']}: {one['nodes'][0]['html'][:200]}"
            f" {one['nodes'][0].get('failureSummary', '')}"
            for one in seen
        ]
    return found
