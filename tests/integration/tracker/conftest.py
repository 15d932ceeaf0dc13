"""Trackers in this process: on a database of the test's own, or filled for a whole module."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from shared.runtime.clock import Clock
from tests.support.tracker_service import Tracker, tracker_here
from tests.support.tracker_stories import many

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FROZEN = Clock.starting(NOON, speed=1e-6)


@pytest.fixture
async def tracker(database: str) -> AsyncIterator[Tracker]:
    """An empty tracker whose clock stands at noon of 2026-03-02."""
    async with tracker_here(database, FROZEN) as here:
        yield here


@pytest.fixture(scope="module")
async def filled(postgres_url: str) -> AsyncIterator[Tracker]:
    """A tracker that has heard of forty tickets since ten o'clock; for reading only."""
    name = f"test_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE DATABASE {name}")
    url = urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    async with tracker_here(url, FROZEN) as here:
        await here.take(many(40, notices=True))
        yield here
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()
