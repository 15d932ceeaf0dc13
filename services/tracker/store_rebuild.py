"""The read model twice: the tables in use, those that are made anew beside them, and the exchange.

Everything here runs as the owner of the schemas, as migrations do.
"""

# ruff: noqa: S608  what is put into statements here are names of schemas and tables, all constant
from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import JSON, Table, text

from services.tracker.core.message import Message
from services.tracker.tables import SCHEMA, metadata, notice, ticket, timeline
from shared.runtime.database import Connection

NEXT: Final = f"{SCHEMA}_next"
"""The schema that is being filled."""

BEFORE: Final = f"{SCHEMA}_before"
"""The schema that was in use before the last exchange; the next rebuild drops it."""

_ALONE: Final = text("SELECT pg_try_advisory_lock(:key)")
_KEY: Final = 0x72656275696C64

_READERS_TOO: Final = text(f"LOCK TABLE {SCHEMA}.progress IN ACCESS EXCLUSIVE MODE")
_WRITERS: Final = text(f"LOCK TABLE {SCHEMA}.progress IN SHARE ROW EXCLUSIVE MODE")
_POSITIONS: Final = "SELECT topic, partition, next_offset, cluster_id FROM {schema}.progress"


def _rows(table: Table, *, by: str, name: str, but: str = "") -> str:
    """Return the SELECT of all rows of *table*: how each is stored, and what it says."""
    stored = ", ".join(
        f'CAST("{one.name}" AS text)' if isinstance(one.type, JSON) else f'"{one.name}"'
        for one in table.c
        if one.name != but
    )
    return (
        f"SELECT {by} AS id, {name} AS name, hash_record_extended(ROW({stored}), 0) AS stored,"
        f" to_jsonb(t) - '{but}' AS said FROM {{schema}}.{table.name} t"
    )


# A JSON document counts by what it says, not by the order of its keys; a sum in parts by its sum.
# When a message came into the tables is no part of what follows from the topics.
_ROWS: Final = {
    "ticket": _rows(ticket, by="key", name="key"),
    "timeline": _rows(timeline, by="identity", name="type || ' ' || id", but="known_at"),
    "notice": _rows(notice, by="id", name="CAST(id AS text)"),
    "tally": "SELECT what || ' ' || label AS id, what || ' ' || label AS name,"
    " hash_record_extended(ROW(what, label, sum(n)), 0) AS stored, to_jsonb(sum(n)) AS said"
    " FROM {schema}.tally GROUP BY what, label HAVING sum(n) <> 0",
    "dead_letter": "SELECT place AS id, place AS name,"
    " hash_record_extended(ROW(place, error_class), 0) AS stored, to_jsonb(error_class) AS said"
    " FROM {schema}.dead_letter,"
    " LATERAL (SELECT topic || '/' || partition || ':' || \"offset\" AS place) AS _",
    "progress": "SELECT place AS id, place AS name,"
    " hash_record_extended(ROW(place, next_offset), 0) AS stored, to_jsonb(next_offset) AS said"
    " FROM {schema}.progress, LATERAL (SELECT topic || '/' || partition AS place) AS _",
}
_SUM: Final = "SELECT count(*), coalesce(sum(CAST(stored AS numeric)), 0) FROM ({rows}) AS rows"
# What it says is asked only of rows that are not stored alike: to read a document takes ten times as
# long as to compare it.
_DIFFERENT: Final = """
    SELECT name FROM (
        SELECT id, coalesce(o.name, n.name) AS name
        FROM (SELECT id, name, stored FROM ({old}) AS _) AS o
            FULL JOIN (SELECT id, name, stored FROM ({new}) AS _) AS n USING (id)
        WHERE o.stored IS DISTINCT FROM n.stored
    ) AS unlike
    WHERE (SELECT said FROM ({old}) AS o WHERE o.id = unlike.id)
        IS DISTINCT FROM (SELECT said FROM ({new}) AS n WHERE n.id = unlike.id)
    LIMIT 5
"""
_KNOWN: Final = text(
    f'SELECT "offset", known_at FROM {SCHEMA}.timeline WHERE kind = :kind'
    ' AND partition = :partition AND "offset" BETWEEN :first AND :last'
)
_ERASURES: Final = tuple(
    statement
    for table in ("erased_person", "erased_ticket")
    for statement in (
        f"DELETE FROM {NEXT}.{table}",
        f"INSERT INTO {NEXT}.{table} SELECT * FROM {SCHEMA}.{table}",
    )
)
_REPETITIONS: Final = (
    f"DELETE FROM {NEXT}.repetition",
    f"INSERT INTO {NEXT}.repetition SELECT * FROM {SCHEMA}.repetition",
    f"UPDATE {NEXT}.progress AS n SET caught_up_at = o.caught_up_at FROM {SCHEMA}.progress AS o"
    " WHERE (n.topic, n.partition) = (o.topic, o.partition)",
)
# An index that keeps nothing unique is there for readers alone.
_READERS_INDEXES: Final = text(
    "SELECT quote_ident(c.relname), pg_get_indexdef(i.indexrelid) FROM pg_index i"
    " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND NOT i.indisunique ORDER BY c.relname"
)
_SORT_IN_MEMORY: Final = text("SET LOCAL maintenance_work_mem = '256MB'")
_ANALYZE: Final = text("ANALYZE " + ", ".join(f"{NEXT}.{one}" for one in metadata.tables))
_EXCHANGE: Final = (
    f"DROP SCHEMA IF EXISTS {BEFORE} CASCADE",
    f"ALTER SCHEMA {SCHEMA} RENAME TO {BEFORE}",
    f"ALTER SCHEMA {NEXT} RENAME TO {SCHEMA}",
)
_GRANTEES: Final = text(
    "SELECT DISTINCT quote_ident(rolname) FROM pg_namespace, aclexplode(nspacl) AS acl"
    " JOIN pg_roles ON pg_roles.oid = acl.grantee"
    f" WHERE nspname = '{SCHEMA}' AND acl.grantee <> nspowner"
)
_GRANTS: Final = (
    f"GRANT USAGE ON SCHEMA {NEXT} TO {{role}}",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {NEXT} TO {{role}}",
    f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {NEXT} TO {{role}}",
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA {NEXT} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES"
    " TO {role}",
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA {NEXT} GRANT USAGE ON SEQUENCES TO {{role}}",
)

Places = dict[tuple[str, int], int]
"""By a topic's full name and partition, the next offset to be applied."""


class Checksum(NamedTuple):
    """What a table holds: its rows, and a sum over them that does not depend on their order."""

    rows: int
    sum: int


class Difference(NamedTuple):
    """Where the two differ.

    Attributes:
        table: The table.
        old: What the one in use holds.
        new: What the new one holds.
        names: Some of the rows that differ.
    """

    table: str
    old: Checksum
    new: Checksum
    names: tuple[str, ...]


async def take_turn(conn: Connection) -> bool:
    """Return whether nobody else rebuilds; it is ours until *conn* is closed."""
    return bool((await conn.execute(_ALONE, {"key": _KEY})).scalar_one())


async def begun(conn: Connection) -> bool:
    """Return whether an earlier rebuild has left what it had made."""
    asked = text("SELECT 1 FROM information_schema.schemata WHERE schema_name = :name")
    return (await conn.execute(asked, {"name": NEXT})).one_or_none() is not None


async def throw_away(conn: Connection) -> None:
    """Drop what an earlier rebuild has left."""
    await conn.execute(text(f"DROP SCHEMA IF EXISTS {NEXT} CASCADE"))


async def grant(conn: Connection) -> None:
    """Give whoever may use the tables in use the same right to the new ones."""
    for (role,) in (await conn.execute(_GRANTEES)).all():
        for statement in _GRANTS:
            await conn.execute(text(statement.format(role=role)))


async def drop_indexes(conn: Connection) -> None:
    """Drop what only readers need of the new tables: they are filled faster without."""
    for name in await _readers_indexes(conn, NEXT):
        await conn.execute(text(f"DROP INDEX {NEXT}.{name}"))


async def make_indexes(conn: Connection) -> None:
    """Give the new tables the indexes of those in use that they lack, and what plans go by."""
    await conn.execute(_SORT_IN_MEMORY)
    there = await _readers_indexes(conn, NEXT)
    for name, made in (await _readers_indexes(conn, SCHEMA)).items():
        if name not in there:
            await conn.execute(text(made.replace(f" ON {SCHEMA}.", f" ON {NEXT}.", 1)))
    await conn.execute(_ANALYZE)


async def take_over_erasures(conn: Connection) -> None:
    """Have the new tables leave out what is erased, which the topics still hold."""
    for statement in _ERASURES:
        await conn.execute(text(statement))


async def drop_copies(conn: Connection) -> None:
    """Drop the tables of earlier and of unfinished rebuilds: they hold what is erased."""
    for schema in (NEXT, BEFORE):
        await conn.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))


async def positions(conn: Connection, schema: str) -> tuple[Places, set[str]]:
    """Return how far the tables in *schema* have come, and in which clusters."""
    rows = (await conn.execute(text(_POSITIONS.format(schema=schema)))).all()
    places = {(row.topic, row.partition): row.next_offset for row in rows}
    return places, {row.cluster_id for row in rows}


async def pause_writers(conn: Connection) -> None:
    """Have the writers of the tables in use wait until the transaction ends; readers do not."""
    await conn.execute(_WRITERS)


async def known_before(conn: Connection, messages: Sequence[Message]) -> list[datetime | None]:
    """Return when each of *messages*, of one topic, came into the tables in use; None: it is not there.

    That alone does not follow from the topics; with it, answers about the past stay as they were.
    """
    places: dict[int, list[int]] = {}
    for one in messages:
        places.setdefault(one.partition, []).append(one.offset)
    known: dict[tuple[int, int], datetime] = {}
    for partition, offsets in places.items():
        given = {
            "kind": int(messages[0].kind),
            "partition": partition,
            "first": min(offsets),
            "last": max(offsets),
        }
        for offset, known_at in await conn.execute(_KNOWN, given):
            known[partition, offset] = known_at
    return [known.get((one.partition, one.offset)) for one in messages]


async def carry_over(conn: Connection) -> None:
    """Take over when messages were said again, and how far each partition was caught up."""
    for statement in _REPETITIONS:
        await conn.execute(text(statement))


async def differences(
    at_old: Connection, at_new: Connection
) -> tuple[dict[str, Checksum], list[Difference]]:
    """Return the checksum of every new table, and where they say something else than the old.

    Both connections see the same moment; each reads the tables of one side.
    """
    async with asyncio.TaskGroup() as summing:
        old = summing.create_task(_checksums(at_old, SCHEMA))
        new = summing.create_task(_checksums(at_new, NEXT))
    before, after = old.result(), new.result()
    found: list[Difference] = []
    for table, rows in _ROWS.items():
        if before[table] != after[table]:
            given = {"old": rows.format(schema=SCHEMA), "new": rows.format(schema=NEXT)}
            differ = (await at_new.execute(text(_DIFFERENT.format(**given)))).scalars()
            if names := tuple(str(name) for name in differ):
                found.append(Difference(table, before[table], after[table], names))
    return after, found


async def exchange(conn: Connection) -> None:
    """Put the new tables under the names of the old, and keep the old ones aside.

    Whoever reads or writes just now is waited for; whoever comes meanwhile waits.
    """
    await conn.execute(_READERS_TOO)
    for statement in _EXCHANGE:
        await conn.execute(text(statement))


async def _readers_indexes(conn: Connection, schema: str) -> dict[str, str]:
    """Return what makes each index of *schema* that is there for readers alone, by its name."""
    found = await conn.execute(_READERS_INDEXES, {"schema": schema})
    return {name: made for name, made in found}  # noqa: C416  rows are no pairs


async def _checksums(conn: Connection, schema: str) -> dict[str, Checksum]:
    sums = {}
    for table, rows in _ROWS.items():
        asked = text(_SUM.format(rows=rows.format(schema=schema)))
        count, total = (await conn.execute(asked)).one()
        sums[table] = Checksum(count, int(total))
    return sums
