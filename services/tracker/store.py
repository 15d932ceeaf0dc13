"""The read model in PostgreSQL, its writing half: a few statements per batch.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.tracker.core.counts import Counts, Standing, What
from services.tracker.core.message import Message
from services.tracker.core.projection import TicketRow, dump, restore
from services.tracker.core.standing import standing
from services.tracker.store_queries import UNDECIDED
from shared.runtime.database import Connection
from shared.runtime.kafka import Incoming

_REMEMBER: Final = text(
    """
    INSERT INTO timeline
        (identity, ticket, at, kind, "offset", partition, received_at, type, id, repeats, message,
        known_at)
    SELECT identity, ticket, at, CAST(:kind AS smallint), "offset", partition,
        received_at, type, id, 0, CAST(message AS json), coalesce(known_at, (SELECT clock()))
    FROM unnest(
        CAST(:identities AS bytea[]), CAST(:tickets AS text[]), CAST(:ats AS timestamptz[]),
        CAST(:partitions AS int[]), CAST(:offsets AS bigint[]), CAST(:received AS timestamptz[]),
        CAST(:types AS text[]), CAST(:ids AS text[]), CAST(:messages AS text[]),
        CAST(:known AS timestamptz[])
    ) AS given (identity, ticket, at, partition, "offset", received_at, type, id, message, known_at)
    ON CONFLICT (identity) DO NOTHING RETURNING identity
    """
)
_REPEATED: Final = text(
    """
    WITH given AS (
        SELECT * FROM unnest(CAST(:identities AS bytea[]), CAST(:ns AS int[])) AS _ (identity, n)
    ), told AS (
        INSERT INTO repetition (identity, known_at, n)
        SELECT identity, (SELECT clock()), n FROM given
    )
    UPDATE timeline SET repeats = timeline.repeats + given.n FROM given
    WHERE timeline.identity = given.identity
    RETURNING timeline.identity, CAST(timeline.message AS text)
    """
)
# In the order of the keys, so that nobody waits in a circle.
_LOAD: Final = text(
    "SELECT key, CAST(state AS text), tier, priority, status, open FROM ticket"
    " WHERE key = ANY(CAST(:keys AS text[])) ORDER BY key FOR UPDATE"
)
_SAVE: Final = text(
    """
    INSERT INTO ticket (key, status, open, tier, priority, owner, customer, title, opened_at,
        updated_at, missing, next_due, teams, part_of, state)
    SELECT key, status, open, tier, priority, owner, customer, title, opened_at,
        updated_at, missing, coalesce(next_due, 'infinity'), teams, part_of, CAST(state AS json)
    FROM unnest(
        CAST(:key AS text[]), CAST(:status AS text[]), CAST(:open AS boolean[]),
        CAST(:tier AS smallint[]), CAST(:priority AS text[]), CAST(:owner AS text[]),
        CAST(:customer AS text[]), CAST(:title AS text[]), CAST(:opened_at AS timestamptz[]),
        CAST(:updated_at AS timestamptz[]), CAST(:missing AS bigint[]),
        CAST(:next_due AS timestamptz[]), CAST(:teams AS text[]), CAST(:part_of AS text[]),
        CAST(:state AS text[])
    ) AS given (key, status, open, tier, priority, owner, customer, title, opened_at,
        updated_at, missing, next_due, teams, part_of, state)
    ON CONFLICT (key) DO UPDATE SET
        status = excluded.status, open = excluded.open,
        tier = excluded.tier, priority = excluded.priority, owner = excluded.owner,
        customer = excluded.customer, title = excluded.title,
        opened_at = excluded.opened_at, updated_at = excluded.updated_at,
        missing = excluded.missing, next_due = excluded.next_due, teams = excluded.teams,
        part_of = excluded.part_of, state = excluded.state
    WHERE ticket.key = ANY(CAST(:loaded AS text[]))
    RETURNING key
    """
)
_COLUMNS: Final = (
    "key",
    "status",
    "open",
    "tier",
    "priority",
    "owner",
    "customer",
    "title",
    "opened_at",
    "updated_at",
    "missing",
    "next_due",
    "teams",
    "part_of",
    "state",
)
# Waits for a rebuild that puts new tables under the same names; then it is the new ones that are held.
_HOLD: Final = text("LOCK TABLE progress IN ROW EXCLUSIVE MODE")
_LONGEST_ERROR: Final = 2000
_AT_ONCE: Final = 2000
"""Rows that go to PostgreSQL in one statement, so that it need not put them aside in a file."""

_COUNT: Final = text(
    """
    INSERT INTO tally (topic, partition, what, label, n)
    SELECT :topic, CAST(:partition AS int), what, label, n
    FROM unnest(CAST(:whats AS text[]), CAST(:labels AS text[]), CAST(:ns AS bigint[]))
        AS given (what, label, n)
    ON CONFLICT (topic, partition, what, label) DO UPDATE SET n = tally.n + excluded.n
    """
)
_PARK: Final = text(
    """
    INSERT INTO dead_letter
        (topic, partition, "offset", raw, headers, error_class, error, created_at)
    SELECT :topic, p, o, r, CAST(h AS jsonb), c, e, clock()
    FROM unnest(CAST(:partitions AS int[]), CAST(:offsets AS bigint[]), CAST(:raws AS bytea[]),
        CAST(:headers AS text[]), CAST(:classes AS text[]), CAST(:errors AS text[]))
        AS given (p, o, r, h, c, e)
    ON CONFLICT (topic, partition, "offset") DO NOTHING
    """
)


class RowTakenError(Exception):
    """Another writer made a ticket's row after we had found none; begin the transaction again."""


def is_ours(error: Exception) -> bool:
    """Whether *error* says that the schema is not what this version needs, whatever the record."""
    return isinstance(error, ProgrammingError)


async def hold(conn: Connection) -> None:
    """Keep the tables from being exchanged until the transaction ends; the first that it does."""
    await conn.execute(_HOLD)


async def remember(
    conn: Connection, messages: Sequence[Message], known: Sequence[datetime | None] = ()
) -> set[bytes]:
    """Put *messages* of one topic into the timeline, and return the identities that were new.

    Args:
        conn: Inside the transaction of their effects.
        messages: Each identity may be among them once.
        known: When each of them became known; None, or nothing at all, for now.
    """
    new: set[bytes] = set()
    for n in range(0, len(messages), _AT_ONCE):
        part = messages[n : n + _AT_ONCE]
        given = {
            "kind": int(part[0].kind),
            "identities": [one.identity for one in part],
            "tickets": [one.ticket for one in part],
            "ats": [one.at for one in part],
            "partitions": [one.partition for one in part],
            "offsets": [one.offset for one in part],
            "received": [one.received_at for one in part],
            "types": [one.type for one in part],
            "ids": [one.id for one in part],
            "messages": [one.text for one in part],
            "known": list(known[n : n + _AT_ONCE]),
        }
        new.update(row[0] for row in await conn.execute(_REMEMBER, given))
    return new


async def count_repeats(conn: Connection, repeats: Counter[bytes]) -> dict[bytes, str]:
    """Count the identities said again, and return the text that each was first said with."""
    given = {"identities": sorted(repeats), "ns": [repeats[one] for one in sorted(repeats)]}
    return {row[0]: row[1] for row in await conn.execute(_REPEATED, given)}


class Loaded(NamedTuple):
    """A row that exists, and as how it is counted."""

    row: TicketRow
    standing: Standing


async def load_rows(conn: Connection, keys: Iterable[str]) -> dict[str, Loaded]:
    """Return the rows that exist of *keys*; they are locked until the transaction ends."""
    found = await conn.execute(_LOAD, {"keys": sorted(keys)})
    return {
        key: Loaded(restore(key, state), Standing.at(key, *stands)) for key, state, *stands in found
    }


async def save_rows(
    conn: Connection, rows: Sequence[TicketRow], *, loaded: Mapping[str, Loaded]
) -> Counts:
    """Write *rows*, of which those *loaded* exist and are locked by us.

    Returns:
        How many tickets came to stand and ceased to stand in which way; for `add_up`.

    Raises:
        RowTakenError: One that did not exist does by now.
    """
    counts: Counts = Counter()
    ordered = sorted(rows, key=lambda row: row.key)
    for n in range(0, len(ordered), _AT_ONCE):
        given = in_columns(ordered[n : n + _AT_ONCE])
        there = [key for key in given["key"] if key in loaded]
        written = (await conn.execute(_SAVE, {**given, "loaded": there})).all()
        if len(written) < len(given["key"]):
            msg = f"{len(given['key']) - len(written)} tickets were heard of by two topics at once"
            raise RowTakenError(msg)
        stands = zip(
            given["key"],
            given["tier"],
            given["priority"],
            given["status"],
            given["open"],
            strict=True,
        )
        for stand in stands:
            counts[What.STANDINGS, Standing.at(*stand).label()] += 1
    for one in loaded.values():
        counts[What.STANDINGS, one.standing.label()] -= 1
    return Counter({what: n for what, n in counts.items() if n})


def in_columns(rows: Sequence[TicketRow]) -> dict[str, list[Any]]:
    """Return *rows* as the table `ticket` has them: by column, the value of each row."""
    lines = [_line(row) for row in rows]
    return {name: [line[n] for line in lines] for n, name in enumerate(_COLUMNS)}


def _line(row: TicketRow) -> tuple[Any, ...]:
    facts, case = row.facts, row.case
    now = standing(facts, case)
    updated = max(facts.updated, case.updated)
    opened = updated if facts.opened is None else facts.opened[0]
    return (
        row.key,
        now.status,
        now.is_open,
        case.state.get("tier", UNDECIDED),
        case.state.get("priority"),
        now.owner,
        facts.value("customer.id"),
        facts.value("title"),
        datetime.fromtimestamp(opened, UTC),
        datetime.fromtimestamp(updated, UTC),
        case.missing,
        None if now.breach is None else now.breach.at,
        " ".join(now.teams),
        case.group[1],
        dump(row),
    )


async def add_up(conn: Connection, topic: str, partition: int, counts: Counts) -> None:
    """Add *counts* to the part of the sums of *partition*, whose progress the caller has locked."""
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


async def park(conn: Connection, topic: str, dead: Sequence[tuple[Incoming, str, str]]) -> None:
    """Keep records that could not be taken: record, reason, and the error in words."""
    given = {
        "topic": topic,
        "partitions": [record.partition for record, _, _ in dead],
        "offsets": [record.offset for record, _, _ in dead],
        "raws": [record.value for record, _, _ in dead],
        "headers": [_headers(record) for record, _, _ in dead],
        "classes": [reason for _, reason, _ in dead],
        "errors": [_storable(error) for _, _, error in dead],
    }
    await conn.execute(_PARK, given)


def _storable(error: str) -> str:
    cut = error[:_LONGEST_ERROR].replace("\0", "\\0")
    return cut.encode("utf-8", "backslashreplace").decode()


def _headers(record: Incoming) -> str:
    # Latin-1 reads any byte; a NUL has no place in the database.
    plain = {name: value.decode("latin-1").replace("\0", "\\0") for name, value in record.headers}
    return to_json(plain).decode()
