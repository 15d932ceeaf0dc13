"""deploy/postgres/roles.sql on a real PostgreSQL: each service's role, and what it may touch."""

from collections.abc import Iterator

import asyncpg
import pytest

from shared.runtime.migrations import SERVICES, migrate
from tests.support.database_roles import as_role, run_roles
from tests.support.servers import own_postgres

pytestmark = pytest.mark.servers

PASSWORDS = {f"DATABASE_PASSWORD_{service.upper()}": f"{service}0" for service in SERVICES}


# Roles belong to the whole server, so that it cannot be the one that other tests share.
@pytest.fixture(scope="module")
def prepared() -> Iterator[str]:
    """The superuser's URL of a database with roles; nothing is migrated yet."""
    with own_postgres() as server:
        url = server.create_database("tierline")
        done = run_roles(url, PASSWORDS)
        assert done.returncode == 0, done.stderr
        yield url


@pytest.fixture
async def migrated(prepared: str) -> str:
    """The same database, migrated by its owner after the roles were made."""
    await migrate(prepared)
    return prepared


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_may_change_every_row_of_its_own_schema(migrated: str, service: str) -> None:
    connection = await asyncpg.connect(as_role(migrated, service))
    try:
        rows = await connection.fetch(
            "SELECT relname, has_table_privilege(oid, 'SELECT')"
            " AND has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE')"
            " AND has_table_privilege(oid, 'DELETE') AS may FROM pg_class"
            " WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p')",
            service,
        )
        assert [row["relname"] for row in rows if not row["may"]] == []
        assert len(rows) > 1
        assert await connection.fetchval(f"SELECT {service}.clock()") is not None
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_sees_no_other_schema(migrated: str, service: str) -> None:
    connection = await asyncpg.connect(as_role(migrated, service))
    try:
        for other in set(SERVICES) - {service}:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {other}.progress")  # noqa: S608  a constant
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    ["CREATE SCHEMA mine", "CREATE TABLE {service}.mine (x int)", "CREATE TABLE public.mine (x int)",
     "DROP TABLE {service}.progress", "CREATE ROLE mine"],
)  # fmt: skip
async def test_a_role_cannot_make_or_drop_anything(migrated: str, statement: str) -> None:
    connection = await asyncpg.connect(as_role(migrated, "tracker"))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(service="tracker"))
    finally:
        await connection.close()


async def test_every_role_has_the_password_it_was_given(prepared: str) -> None:
    connection = await asyncpg.connect(prepared)
    try:
        rows = await connection.fetch(
            "SELECT rolname, rolpassword LIKE 'SCRAM-SHA-256$%' AS hashed, rolsuper FROM pg_authid"
            " WHERE rolname = ANY($1::text[])",
            list(SERVICES),
        )
    finally:
        await connection.close()
    assert {row["rolname"] for row in rows} == set(SERVICES)
    assert all(row["hashed"] and not row["rolsuper"] for row in rows)


def test_without_a_password_nothing_is_made(prepared: str) -> None:
    done = run_roles(prepared, {})
    assert done.returncode != 0
    assert "already exists" not in done.stderr
