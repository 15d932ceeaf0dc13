"""Transactions are whole or never happened, whoever is cancelled and whenever."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, InternalError

from cli.embedded.postgres import PostgresServer
from shared.contract.errors import Reason
from shared.runtime.clock import Clock
from shared.runtime.database import (
    Connection,
    Database,
    DatabaseUnavailableError,
    open_database,
    retrying,
    unavailable,
)
from shared.runtime.migrations import migrate
from tests.support.consuming import until


async def pairs(database: Database) -> list[tuple[int, int]]:
    async with database.transaction() as conn:
        rows = await conn.execute(text("SELECT a, b FROM pair"))
        return [(row[0], row[1]) for row in rows]


async def write_pair(database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute(text("INSERT INTO pair (a) VALUES (1)"))
        await conn.execute(text("SELECT count(*) FROM pair"))
        await conn.execute(text("UPDATE pair SET b = 1"))


async def open_transactions(url: str) -> int:
    conn = await asyncpg.connect(url)
    try:
        count = await conn.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'tierline/%'"
            " AND state LIKE 'idle in transaction%' AND datname = current_database()"
        )
    finally:
        await conn.close()
    return int(count)


async def test_a_unit_cancelled_at_any_point_is_whole_or_never_happened(
    database: str, tracker: Database
) -> None:
    async with tracker.transaction() as conn:
        await conn.execute(text("CREATE TABLE pair (a int, b int)"))
    completed = cancelled = 0
    for turns in range(120):
        async with tracker.transaction() as conn:
            await conn.execute(text("TRUNCATE pair"))
        unit = asyncio.create_task(write_pair(tracker))
        for _ in range(turns):
            await asyncio.sleep(0)
        unit.cancel()
        await asyncio.wait([unit])
        cancelled += unit.cancelled()
        completed += not unit.cancelled()
        assert await pairs(tracker) in ([], [(1, 1)])
    assert cancelled
    assert await open_transactions(database) == 0
    assert tracker.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # QueuePool's own
    await write_pair(tracker)


async def test_a_unit_cancelled_while_a_statement_runs_is_rolled_back(
    database: str, tracker: Database
) -> None:
    async with tracker.transaction() as conn:
        await conn.execute(text("CREATE TABLE pair (a int, b int)"))
    inside = asyncio.Event()

    async def slow() -> None:
        async with tracker.transaction() as conn:
            await conn.execute(text("INSERT INTO pair (a) VALUES (1)"))
            inside.set()
            await conn.execute(text("SELECT pg_sleep(10)"))

    unit = asyncio.create_task(slow())
    await inside.wait()
    await asyncio.sleep(0)
    unit.cancel()
    await asyncio.wait([unit], timeout=5)
    assert unit.cancelled()
    assert await pairs(tracker) == []
    assert await open_transactions(database) == 0


async def test_an_error_of_the_caller_rolls_back_and_is_passed_on(tracker: Database) -> None:
    async def insert(conn: Connection) -> None:
        await conn.execute(text("INSERT INTO effect (partition) VALUES (7)"))
        raise LookupError("the caller's own")

    with pytest.raises(LookupError):
        async with tracker.transaction() as conn:
            await insert(conn)
    async with tracker.transaction() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM effect"))).scalar_one() == 0


async def test_an_error_that_stays_is_not_called_passing(tracker: Database) -> None:
    with pytest.raises(IntegrityError):
        async with tracker.transaction() as conn:
            await conn.execute(
                text("INSERT INTO progress (topic, partition, next_offset) VALUES ('t', 0, 0)")
            )


async def test_a_killed_backend_is_a_passing_failure_and_the_next_transaction_works(
    tracker: Database,
) -> None:
    with pytest.raises(DatabaseUnavailableError) as caught:
        async with tracker.transaction() as conn:
            await conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
    assert await tracker.ready()


async def test_a_connection_that_was_closed_while_nobody_used_it_is_replaced_unseen(
    database: str, tracker: Database
) -> None:
    async with tracker.transaction() as conn:
        driver = (await conn.get_raw_connection()).driver_connection
        backend = (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    assert driver is not None
    other = await asyncpg.connect(database)
    await other.execute("SELECT pg_terminate_backend($1)", backend)
    await other.close()

    async def has_heard() -> bool:
        return bool(driver.is_closed())

    await until(has_heard)
    async with tracker.transaction() as conn:
        assert (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one() != backend


def test_an_answer_cut_in_two_by_the_servers_end_is_a_passing_failure() -> None:
    told = Exception("cannot switch to state 15; another operation (2) is in progress")
    told.__cause__ = asyncpg.InternalClientError(str(told))
    assert unavailable(InternalError("ROLLBACK", None, told)) is not None
    assert unavailable(InternalError("ROLLBACK", None, Exception("of the server's own"))) is None


async def test_a_statement_that_takes_too_long_is_a_passing_failure(database: str) -> None:
    await migrate(database, ["tracker"])
    async with open_database(
        database, schema="tracker", clock=Clock(), statement_timeout_s=0.2
    ) as impatient:
        with pytest.raises(DatabaseUnavailableError, match="statement timeout"):
            async with impatient.transaction() as conn:
                await conn.execute(text("SELECT pg_sleep(5)"))


async def test_a_full_pool_is_a_passing_failure_once_waited_for(
    own_postgres: Callable[[], PostgresServer],
) -> None:
    server = own_postgres()
    async with open_database(server.url(), schema="public", clock=Clock()) as database:
        assert await database.ready()
        await asyncio.to_thread(server.kill)
        assert not await database.ready()
        stop = asyncio.Event()
        waiting = asyncio.create_task(
            retrying(lambda: write_one(database), stop=stop, what="write one", cap_s=0.2)
        )
        await asyncio.to_thread(server.start)
        assert await asyncio.wait_for(waiting, 30) == 1


async def write_one(database: Database) -> int:
    async with database.transaction() as conn:
        return int((await conn.execute(text("SELECT 1"))).scalar_one())


async def test_retrying_gives_up_once_told_to_stop() -> None:
    stop = asyncio.Event()

    async def away() -> None:
        stop.set()
        raise DatabaseUnavailableError("gone for good")

    with pytest.raises(DatabaseUnavailableError):
        await retrying(away, stop=stop, what="reach what is gone")


async def sql_clock(database: Database) -> datetime:
    async with database.transaction() as conn:
        at: datetime = (await conn.execute(text("SELECT clock()"))).scalar_one()
        return at


@pytest.mark.parametrize(
    "clock",
    [
        pytest.param(Clock(), id="production"),
        pytest.param(
            Clock.starting(datetime(2016, 2, 29, 1, 16, tzinfo=UTC), speed=3600), id="demo"
        ),
    ],
)
async def test_the_schemas_clock_is_the_same_clock(database: str, clock: Clock) -> None:
    await migrate(database, ["tracker"])
    async with open_database(database, schema="tracker", clock=clock) as opened:
        before = clock.now()
        at = await sql_clock(opened)
        after = clock.now()
    rounding = timedelta(milliseconds=5)
    assert before - rounding <= at <= after + rounding


async def test_migrating_twice_and_at_once_is_migrating_once(database: str) -> None:
    both = await asyncio.gather(migrate(database), migrate(database))
    assert both[0] == both[1]
    assert set(both[0]) == {"escalator", "notifier", "tracker"}
    conn = await asyncpg.connect(database)
    try:
        for service, step in both[0].items():
            found = await conn.fetch(f'SELECT version_num FROM "{service}".alembic_version')  # noqa: S608  our own names
            assert [row["version_num"] for row in found] == [step]
            assert await conn.fetchval("SELECT to_regclass($1)", f"{service}.progress")
    finally:
        await conn.close()


async def test_a_service_without_a_schema_is_refused(database: str) -> None:
    with pytest.raises(ValueError, match="intake owns no schema"):
        await migrate(database, ["intake"])
