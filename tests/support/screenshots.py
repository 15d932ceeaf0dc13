"""Pictures of the pages, from tickets with different fates: `make screenshots`.

.venv/bin/python -m tests.support.screenshots FOLDER
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shared.policy.load import DEFAULT_POLICY
from shared.runtime.clock import Clock
from tests.support.browser import a_browser
from tests.support.http_peer import Answer, Request, http_peer
from tests.support.servers import own_postgres
from tests.support.tracker_service import listening, tracker_here
from tests.support.tracker_stories import many

_PAGES: Final = {
    "board": "/",
    "case": "/tickets/desk:T1",
    "search": "/search?q=Ticket",
    "charts": "/charts?days=1",
    "policy": "/policy",
}
_NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def take(folder: Path) -> list[Path]:
    """Write a picture of every page in both themes into *folder*, and return their paths."""
    made = []
    with own_postgres() as server:
        async with (
            tracker_here(server.url(), Clock.starting(_NOON, speed=1e-6)) as tracker,
            http_peer(_policy) as peer,
            listening(tracker.database, peer.url, peer.url) as url,
            a_browser() as browser,
        ):
            await tracker.take(many(24))
            for scheme in ("light", "dark"):
                context = await browser.new_context(
                    color_scheme="dark" if scheme == "dark" else "light",
                    viewport={"width": 1280, "height": 900},
                    timezone_id="UTC",
                    locale="en-GB",
                )
                page = await context.new_page()
                for name, path in _PAGES.items():
                    await page.goto(f"{url}{path}", wait_until="load")
                    made.append(folder / f"{name}-{scheme}.png")
                    await page.screenshot(path=made[-1])
                await context.close()
    return made


async def _policy(_: Request) -> Answer:
    body = json.dumps({"text": DEFAULT_POLICY.read_text("utf-8")}).encode()
    return Answer(200, {"content-type": "application/json"}, body)


def main() -> None:
    """Take the pictures, and say where they are."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in asyncio.run(take(folder)):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
