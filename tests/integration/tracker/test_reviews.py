"""Reviews of months, made by a job, read at the tracker."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from cli.report.document import Document, Section
from cli.report.page import html
from shared.access.keys import ApiKey, KeyRing, Scope
from tests.support.browser import a_browser, violations
from tests.support.tracker_service import Tracker, asking, listening

NUMBERS = {"created": 7, "metrics": {}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for month in ("2026-09", "2026-10"):
        page = html(Document(f"Review of {month}", "Of all", [Section("Causes", ("Few.",))]))
        (tmp_path / f"{month}.html").write_text(page, "utf-8")
        (tmp_path / f"{month}.json").write_text(json.dumps(NUMBERS), "utf-8")
    (tmp_path / "notes.json").write_text("{}", "utf-8")
    return tmp_path


async def test_months_are_listed_and_each_has_numbers_and_a_page(
    tracker: Tracker, folder: Path
) -> None:
    async with asking(tracker.database, reviews=folder) as client:
        newest = (await client.get("/v1/review")).json()
        older = (await client.get("/v1/review", params={"month": "2026-09"})).json()
        listed = (await client.get("/review")).text
        page = await client.get("/review/2026-10")
        none = await client.get("/v1/review", params={"month": "2026-08"})
        wrong = await client.get("/v1/review", params={"month": "../../x"})
        outside = await client.get("/review/..%2Fnotes")
    assert (newest["month"], newest["others"], newest["review"]) == (
        "2026-10",
        ["2026-09"],
        NUMBERS,
    )
    assert older["month"] == "2026-09"
    assert re.findall(r'href="/review/([^"]+)"', listed) == ["2026-10", "2026-09"]
    assert "Review of 2026-10" in page.text
    style = page.text.partition("<style>")[2].partition("</style>")[0].encode()
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
    assert (none.status_code, none.json()["code"]) == (404, "no_review")
    assert (wrong.status_code, outside.status_code) == (422, 404)


async def test_without_a_folder_there_are_none_and_a_key_of_one_desk_sees_none(
    tracker: Tracker, folder: Path
) -> None:
    async with asking(tracker.database) as client:
        nothing = await client.get("/v1/review")
        page = await client.get("/review")
    digest = hashlib.sha256(b"tl_desk").hexdigest()
    keys = KeyRing([ApiKey("desk", digest, "desk", frozenset({Scope.READ}))])
    async with asking(tracker.database, keys=keys, reviews=folder) as client:
        headers = {"authorization": "Bearer tl_desk"}
        paths = ("/v1/review", "/review", "/review/2026-10")
        refused = [(await client.get(path, headers=headers)).status_code for path in paths]
    assert nothing.status_code == 404
    assert "TRACKER_REVIEWS" in page.text
    assert refused == [403, 403, 403]


async def test_its_page_looks_as_it_should_under_its_own_policy(
    tracker: Tracker, folder: Path
) -> None:
    async with listening(tracker.database, reviews=folder) as url, a_browser() as browser:
        page = await browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        await page.goto(f"{url}/review")
        await page.get_by_role("link", name="2026-10", exact=True).click()
        await page.get_by_role("heading", name="Review of 2026-10").wait_for()
        font = await page.evaluate("getComputedStyle(document.body).fontSize")
        found = await violations(page)
    assert font == "15px"
    assert (complaints, found) == ([], [])
