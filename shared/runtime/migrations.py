"""Bring schemas up to date: numbered steps per service, safe to run twice and at the same time.

To add a step to a service, add ``deploy/migrations/<service>/NNNN_<what>.py``::

    from alembic import op

    revision = "tracker_0002"
    down_revision = "tracker_0001"
    branch_labels = None
    depends_on = None

    def upgrade() -> None:
        op.execute("CREATE TABLE ticket (...)")     # search_path is the service's schema

    def downgrade() -> None:
        raise NotImplementedError("forward only; restore a backup instead")

Step 0001 makes ``clock()`` and ``progress`` (`deploy.migrations.common`). All steps of a service
run in one transaction: a step that fails leaves the schema as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import text

from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database

SERVICES: Final = ("escalator", "notifier", "tracker")
"""The services that own a schema, which bears their name."""

_FOLDER: Final = Path(__file__).resolve().parents[2] / "deploy" / "migrations"
_LOCK_KEY: Final = 0x7165726C696E65
_PATIENCE_S: Final = 300.0
# alembic keeps the migration under way in a module's globals.
_ONE_AT_A_TIME: Final = asyncio.Lock()


async def migrate(url: str, services: Sequence[str] = SERVICES) -> dict[str, str]:
    """Bring the schemas of *services* at *url* up to date, and return the step each is at now.

    Whoever comes second waits for the first and then finds nothing to do.

    Raises:
        DatabaseUnavailableError: PostgreSQL is away; try again.
        ValueError: A service owns no schema.
    """
    for service in services:
        if service not in SERVICES:
            msg = f"{service} owns no schema; those that do: {', '.join(SERVICES)}"
            raise ValueError(msg)
    done = {}
    for service in services:
        database = open_database(
            url, schema=service, clock=Clock(), pool_size=1, statement_timeout_s=_PATIENCE_S
        )
        async with _ONE_AT_A_TIME, database:
            done[service] = await _migrate_one(database, service)
    return done


async def migrate_beside(url: str, service: str, schema: str) -> str:
    """Make the tables of *service* in another *schema*, up to date; return the step it is at.

    Raises:
        DatabaseUnavailableError: PostgreSQL is away; try again.
    """
    database = open_database(
        url, schema=schema, clock=Clock(), pool_size=1, statement_timeout_s=_PATIENCE_S
    )
    async with _ONE_AT_A_TIME, database:
        return await _migrate_one(database, service)


def newest(service: str) -> str:
    """Return the newest step that this version has of *service*."""
    head = ScriptDirectory.from_config(_config(service)).get_current_head()
    if head is None:
        msg = f"no migrations of {service} in {_FOLDER}"
        raise RuntimeError(msg)
    return head


async def _migrate_one(database: Database, service: str) -> str:
    async with database.transaction() as conn:
        await conn.execute(text("SET LOCAL lock_timeout = 0"))
        await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        await conn.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{database.schema}"'))
        await conn.run_sync(_upgrade, service, database.schema)
    return newest(service)


def _upgrade(conn: SyncConnection, service: str, schema: str) -> None:
    config = _config(service)
    config.attributes["connection"] = conn
    config.attributes["schema"] = schema
    command.upgrade(config, "head")


def _config(service: str) -> Config:
    config = Config()
    config.set_main_option("script_location", _escaped(_FOLDER))
    config.set_main_option("version_locations", _escaped(_FOLDER / service))
    config.set_main_option("path_separator", "newline")
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
