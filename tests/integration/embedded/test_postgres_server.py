"""A PostgreSQL that Tierline runs itself: what it keeps, and where it is found."""

import asyncio
import os
from collections.abc import Iterator

import asyncpg
import pytest

from cli.embedded.errors import ServerStartError
from cli.embedded.postgres import PostgresServer
from cli.embedded.postgres_settings import PostgresTuning
from tests.support.servers import FOR_TESTS, own_postgres, server_home

ENOUGH = 50


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server for the tests that only look at it."""
    with own_postgres() as running:
        yield running


async def value_of(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def commit_until_refused(url: str, committed: list[int], under_way: asyncio.Event) -> None:
    """Append to *committed* every number whose commit was acknowledged, until the server is gone."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept (n int)")
    try:
        while True:
            await connection.execute("INSERT INTO kept VALUES ($1)", len(committed))
            committed.append(len(committed))
            if len(committed) == ENOUGH:
                under_way.set()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        return
    finally:
        connection.terminate()


@pytest.mark.parametrize("durable", [True, False], ids=["as run", "as tested"])
async def test_committed_rows_are_there_after_sigkill(*, durable: bool) -> None:
    with server_home() as home:
        server = PostgresServer(home, tuning=PostgresTuning(durable=durable))
        await asyncio.to_thread(server.start)
        try:
            url = server.create_database("desk")
            committed: list[int] = []
            under_way = asyncio.Event()
            committing = asyncio.create_task(commit_until_refused(url, committed, under_way))
            await under_way.wait()
            assert await value_of(url, "SHOW fsync") == ("on" if durable else "off")
            await asyncio.to_thread(server.kill)
            assert not server.running
            await committing
            await asyncio.to_thread(server.start)
            kept = await value_of(url, "SELECT array_agg(n) FROM kept")
            assert isinstance(kept, list)
            assert set(committed) <= set(kept)
        finally:
            server.stop()


async def test_a_stopped_postgres_comes_back_with_its_address_and_its_rows() -> None:
    with server_home() as home:
        first = PostgresServer(home, tuning=FOR_TESTS)
        first.start()
        url = first.create_database("desk")
        await value_of(url, "CREATE TABLE kept AS SELECT 42 AS n")
        first.stop()
        assert not first.running
        again = PostgresServer(home, tuning=FOR_TESTS)
        again.start()
        try:
            assert again.create_database("desk") == url
            assert await value_of(url, "SELECT n FROM kept") == 42
        finally:
            again.stop()


async def test_a_database_may_have_any_name(server: PostgresServer) -> None:
    name = 'it\'s "the" désk/?&#'
    url = server.create_database(name)
    assert await value_of(url, "SELECT current_database()") == name


@pytest.mark.parametrize("folder", ["deep/" * 30 + "home", "the möbius, desk = 100%"])
async def test_a_server_is_reached_whatever_its_folder_is_called(folder: str) -> None:
    with server_home() as home:
        server = PostgresServer(home / folder, tuning=FOR_TESTS)
        server.start()
        try:
            assert await value_of(server.url(), "SELECT 1") == 1
        finally:
            server.stop()


async def test_only_the_owner_can_reach_it_and_only_here(server: PostgresServer) -> None:
    assert await value_of(server.url(), "SHOW listen_addresses") == ""
    sockets = server.folder / "socket"
    assert oct(sockets.stat().st_mode)[-3:] == "700"


def test_the_callers_environment_does_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGOPTIONS", "-c nonsense=1")
    with server_home() as home:
        server = PostgresServer(home, tuning=FOR_TESTS)
        server.start()
        try:
            assert server.create_database("desk") == server.url("desk")
        finally:
            server.stop()


def test_a_start_that_fails_shows_the_end_of_the_log() -> None:
    with server_home() as home:
        server = PostgresServer(home, tuning=FOR_TESTS)
        server.start()
        server.stop()
        os.truncate(home / "postgres" / "data" / "global" / "pg_control", 0)
        with pytest.raises(ServerStartError, match=r"(?s)ends with:.*pg_control"):
            server.start()
        assert not server.running
