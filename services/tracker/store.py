"""The read model in PostgreSQL, its writing half: a few statements per batch.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import text

from services.tracker.core.counts import Counts
from services.tracker.core.message import Kind, Message
from services.tracker.core.projection import TicketRow, dump, restore
from services.tracker.core.standing import standing
from shared.runtime.database import Connection
from shared.runtime.kafka import Incoming

_REMEMBER: Final = text(
    """
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(
            CAST(:identities AS bytea[]), CAST(:tickets AS text[]), CAST(:ats AS timestamptz[]),
            CAST(:offsets AS bigint[]), CAST(:received AS timestamptz[]), CAST(:types AS text[]),
            CAST(:messages AS text[])
        ) AS g (identity, ticket, at, "offset", received_at, type, message)
    ), put AS (
        INSERT INTO timeline
            (identity, ticket, at, kind, "offset", partition, received_at, type, repeats, message)
        SELECT identity, ticket, at, CAST(:kind AS smallint), "offset", CAST(:partition AS int),
            received_at, type, 0, CAST(message AS json)
        FROM given
        ON CONFLICT (identity) DO NOTHING RETURNING identity
    )
    SELECT identity FROM given EXCEPT SELECT identity FROM put
    """
)
_REPEATED: Final = text(
    """
    UPDATE timeline SET repeats = timeline.repeats + g.n
    FROM unnest(CAST(:identities AS bytea[]), CAST(:ns AS int[])) AS g (identity, n)
    WHERE timeline.identity = g.identity
    RETURNING timeline.identity, CAST(timeline.message AS text)
    """
)
_LOAD: Final = text(
    "SELECT key, revision, CAST(state AS text) FROM ticket WHERE key = ANY(CAST(:keys AS text[]))"
)
_LOAD_LOCKED: Final = text(f"{_LOAD.text} ORDER BY key FOR UPDATE")
_SAVE: Final = text(
    """
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(
            CAST(:key AS text[]), CAST(:revision AS bigint[]), CAST(:status AS text[]),
            CAST(:open AS boolean[]), CAST(:tier AS smallint[]), CAST(:priority AS text[]),
            CAST(:owner AS text[]), CAST(:customer AS text[]), CAST(:title AS text[]),
            CAST(:opened_at AS timestamptz[]), CAST(:updated_at AS timestamptz[]),
            CAST(:version AS bigint[]), CAST(:missing AS bigint[]),
            CAST(:next_due AS timestamptz[]), CAST(:state AS text[])
        ) AS g (key, revision, status, open, tier, priority, owner, customer, title, opened_at,
            updated_at, version, missing, next_due, state)
    ), put AS (
        INSERT INTO ticket AS t (key, revision, status, open, tier, priority, owner, customer,
            title, opened_at, updated_at, version, missing, next_due, state)
        SELECT key, revision, status, open, tier, priority, owner, customer,
            title, opened_at, updated_at, version, missing, next_due, CAST(state AS json)
        FROM given
        ON CONFLICT (key) DO UPDATE SET
            revision = excluded.revision, status = excluded.status, open = excluded.open,
            tier = excluded.tier, priority = excluded.priority, owner = excluded.owner,
            customer = excluded.customer, title = excluded.title,
            opened_at = excluded.opened_at, updated_at = excluded.updated_at,
            version = excluded.version, missing = excluded.missing,
            next_due = excluded.next_due, state = excluded.state
        WHERE t.revision = excluded.revision - 1
        RETURNING key
    )
    SELECT key FROM given EXCEPT SELECT key FROM put
    """
)
_COLUMNS: Final = (
    "key",
    "revision",
    "status",
    "open",
    "tier",
    "priority",
    "owner",
    "customer",
    "title",
    "opened_at",
    "updated_at",
    "version",
    "missing",
    "next_due",
    "state",
)
_COUNT: Final = text(
    """
    INSERT INTO tally AS t (topic, partition, what, label, n)
    SELECT :topic, CAST(:partition AS int), what, label, n
    FROM unnest(CAST(:whats AS text[]), CAST(:labels AS text[]), CAST(:ns AS bigint[]))
        AS g (what, label, n)
    ON CONFLICT (topic, partition, what, label) DO UPDATE SET n = t.n + excluded.n
    """
)
_PARK: Final = text(
    """
    INSERT INTO dead_letter
        (topic, partition, "offset", raw, headers, error_class, error, created_at)
    SELECT :topic, CAST(:partition AS int), o, r, CAST(h AS jsonb), c, e, clock()
    FROM unnest(CAST(:offsets AS bigint[]), CAST(:raws AS bytea[]), CAST(:headers AS text[]),
        CAST(:classes AS text[]), CAST(:errors AS text[])) AS g (o, r, h, c, e)
    ON CONFLICT (topic, partition, "offset") DO NOTHING
    """
)


async def remember(conn: Connection, partition: int, messages: Sequence[Message]) -> set[bytes]:
    """Put *messages* of one topic into the timeline, and return the identities known before.

    Each identity may be among *messages* once.
    """
    kind: Kind = messages[0].kind
    known = await conn.execute(
        _REMEMBER,
        {
            "kind": int(kind),
            "partition": partition,
            "identities": [one.identity for one in messages],
            "tickets": [one.ticket for one in messages],
            "ats": [one.at for one in messages],
            "offsets": [one.offset for one in messages],
            "received": [one.received_at for one in messages],
            "types": [one.type for one in messages],
            "messages": [one.text for one in messages],
        },
    )
    return {row[0] for row in known}


async def count_repeats(conn: Connection, repeats: Counter[bytes]) -> dict[bytes, str]:
    """Count the identities said again, and return the text that each was first said with."""
    given = {"identities": sorted(repeats), "ns": [repeats[one] for one in sorted(repeats)]}
    return {row[0]: row[1] for row in await conn.execute(_REPEATED, given)}


async def load_rows(
    conn: Connection, keys: Iterable[str], *, locked: bool = False
) -> dict[str, TicketRow]:
    """Return the rows that exist of *keys*, locked in the order of their keys if asked."""
    statement = _LOAD_LOCKED if locked else _LOAD
    found = await conn.execute(statement, {"keys": sorted(keys)})
    return {key: restore(key, revision, state) for key, revision, state in found}


async def save_rows(conn: Connection, rows: Iterable[TicketRow]) -> set[str]:
    """Write *rows*, each one revision on, and return the keys of those that were not written.

    That is where somebody has written the row since it was loaded; it is left as it is. All of
    them are locked from here on, whether written or not, in the order of their keys.
    """
    lines = [_line(row) for row in sorted(rows, key=lambda row: row.key)]
    given = dict(zip(_COLUMNS, map(list, zip(*lines, strict=True)), strict=True))
    return {row[0] for row in await conn.execute(_SAVE, given)}


def _line(row: TicketRow) -> tuple[Any, ...]:
    facts, case = row.facts, row.case
    now = standing(facts, case)
    return (
        row.key,
        row.revision,
        now.status,
        now.is_open,
        case.state.get("tier"),
        case.state.get("priority"),
        now.owner,
        facts.value("customer.id"),
        facts.value("title"),
        None if facts.opened is None else datetime.fromtimestamp(facts.opened[0], UTC),
        datetime.fromtimestamp(max(facts.updated, case.updated), UTC),
        case.version,
        case.missing,
        now.next_due,
        dump(row),
    )


async def add_up(conn: Connection, topic: str, partition: int, counts: Counts) -> None:
    """Add *counts* to the sums of one partition, whose progress the caller has locked."""
    if not counts:
        return
    order = sorted(counts)
    given = {
        "topic": topic,
        "partition": partition,
        "whats": [what for what, _ in order],
        "labels": [label for _, label in order],
        "ns": [counts[one] for one in order],
    }
    await conn.execute(_COUNT, given)


async def park(
    conn: Connection,
    topic: str,
    partition: int,
    dead: Sequence[tuple[Incoming, str, str]],
) -> None:
    """Keep records that could not be taken: record, reason, and the error in words."""
    given: Mapping[str, Any] = {
        "topic": topic,
        "partition": partition,
        "offsets": [record.offset for record, _, _ in dead],
        "raws": [record.value for record, _, _ in dead],
        "headers": [_headers(record) for record, _, _ in dead],
        "classes": [reason for _, reason, _ in dead],
        "errors": [error.replace("\0", "\\0") for _, _, error in dead],
    }
    await conn.execute(_PARK, given)


def _headers(record: Incoming) -> str:
    # Latin-1 reads any byte; a NUL has no place in the database.
    plain = {name: text.decode("latin-1").replace("\0", "\\0") for name, text in record.headers}
    return to_json(plain).decode()
