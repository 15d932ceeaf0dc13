"""The read model twice: the tables in use, those that are made anew beside them, and the exchange.

Everything here runs as the owner of the schemas, as migrations do.
"""

# ruff: noqa: S608  what is put into statements here are names of schemas and tables, all constant
from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import text

from services.tracker.tables import SCHEMA
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

# A JSON document counts by what it says, not by the order of its keys; a sum in parts by its sum.
# When a message came into the tables is no part of what follows from the topics.
_SAID: Final = {
    "ticket": "SELECT key AS name, to_jsonb(t) AS said FROM {schema}.ticket t",
    "timeline": "SELECT type || ' ' || id AS name, to_jsonb(t) - 'known_at' AS said"
    " FROM {schema}.timeline t",
    "notice": "SELECT CAST(id AS text) AS name, to_jsonb(t) AS said FROM {schema}.notice t",
    "tally": "SELECT what || ' ' || label AS name, to_jsonb(sum(n)) AS said FROM {schema}.tally"
    " GROUP BY what, label HAVING sum(n) <> 0",
    "dead_letter": "SELECT topic || '/' || partition || ':' || \"offset\" AS name,"
    " to_jsonb(error_class) AS said FROM {schema}.dead_letter",
    "progress": "SELECT topic || '/' || partition AS name, to_jsonb(next_offset) AS said"
    " FROM {schema}.progress",
}
_SUM: Final = """
    SELECT count(*), coalesce(sum(CAST(hashtextextended(name || E'\\n' || CAST(said AS text), 0)
        AS numeric)), 0) FROM ({said}) AS rows
"""
_DIFFERENT: Final = """
    SELECT name FROM ({old}) AS o FULL JOIN ({new}) AS n USING (name)
    WHERE o.said IS DISTINCT FROM n.said ORDER BY name LIMIT 5
"""
_CARRY: Final = text(
    f"""
    UPDATE {NEXT}.timeline AS n SET known_at = o.known_at FROM {SCHEMA}.timeline AS o
    WHERE o.identity = n.identity AND n.known_at <> o.known_at
        AND (n.partition, n.kind) IN (SELECT p, k FROM unnest(CAST(:partitions AS int[]),
            CAST(:kinds AS int[])) AS given (p, k))
    """
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
    """What a table says: its rows, and a sum over them that does not depend on their order."""

    rows: int
    sum: int


class Difference(NamedTuple):
    """Where the two differ.

    Attributes:
        table: The table.
        old: What the one in use says.
        new: What the new one says.
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
    """Give the new tables the indexes of those in use that they lack."""
    there = await _readers_indexes(conn, NEXT)
    for name, made in (await _readers_indexes(conn, SCHEMA)).items():
        if name not in there:
            await conn.execute(text(made.replace(f" ON {SCHEMA}.", f" ON {NEXT}.", 1)))


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


async def carry_over(conn: Connection, partitions: Sequence[tuple[int, int]]) -> None:
    """Take over when each message came into the tables, of *partitions*: number, and kind.

    That alone does not follow from the topics; with it, answers about the past stay as they were.
    """
    given = {
        "partitions": [one for one, _ in partitions],
        "kinds": [kind for _, kind in partitions],
    }
    await conn.execute(_CARRY, given)
    for statement in _REPETITIONS:
        await conn.execute(text(statement))


async def differences(conn: Connection) -> tuple[dict[str, Checksum], list[Difference]]:
    """Return the checksum of every new table, and where they say something else than the old."""
    sums: dict[str, Checksum] = {}
    found: list[Difference] = []
    for table, said in _SAID.items():
        old = await _checksum(conn, said.format(schema=SCHEMA))
        new = await _checksum(conn, said.format(schema=NEXT))
        sums[table] = new
        if old != new:
            asked = _DIFFERENT.format(old=said.format(schema=SCHEMA), new=said.format(schema=NEXT))
            names = tuple(str(row[0]) for row in await conn.execute(text(asked)))
            found.append(Difference(table, old, new, names))
    return sums, found


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


async def _checksum(conn: Connection, said: str) -> Checksum:
    rows, total = (await conn.execute(text(_SUM.format(said=said)))).one()
    return Checksum(rows, int(total))
