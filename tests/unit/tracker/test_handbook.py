"""The tracker serves the handbook that was built, and nothing beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from services.tracker.handbook import handbook


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    found = tmp_path / "handbook"
    found.mkdir()
    (found / "index.html").write_text("<h1>Start here</h1>", "utf-8")
    (found / "search.json").write_text("[]", "utf-8")
    (tmp_path / "secret.html").write_text("no", "utf-8")
    (found / ".hidden.html").write_text("no", "utf-8")
    return found


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.include_router(handbook(folder))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://tracker") as found:
        yield found


async def test_the_first_page_is_where_it_begins(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/handbook")
    assert (answer.status_code, answer.headers["location"]) == (307, "/handbook/index.html")
    page = await client.get("/handbook/index.html")
    assert page.text == "<h1>Start here</h1>"
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await client.get("/handbook/search.json")).json() == []


@pytest.mark.parametrize(
    "path",
    ["..%2Fsecret.html", "../secret.html", ".hidden.html", "tiers.html", "x.txt", "%00.html"],
)
async def test_nothing_beside_it_is_served(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(f"/handbook/{path}")
    assert answer.status_code in (404, 422)
    assert answer.text != "no"


async def test_without_a_folder_there_is_no_handbook() -> None:
    assert handbook(None).routes == []
