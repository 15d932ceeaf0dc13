"""What was heard and what was decided, in PostgreSQL: seen events, histories, outbox, dead letters.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final, NamedTuple

from pydantic_core import to_json
from sqlalchemy import text

from services.escalator.core.decide import Decision, Heard, encode_decision
from services.escalator.core.inputs import dump_heard, restore_heard
from shared.contract.times import as_datetime
from shared.runtime.database import Connection
from shared.runtime.kafka import Incoming
from shared.runtime.tracing import stamped

_REMEMBER: Final = text(
    """
    INSERT INTO seen_event (source, event_id, ticket, body_sha256, seen_at)
    SELECT source, event_id, ticket, body_sha256, clock_timestamp()
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[]), CAST(:tickets AS text[]),
        CAST(:digests AS bytea[])) AS g (source, event_id, ticket, body_sha256)
    ORDER BY source, event_id
    ON CONFLICT (source, event_id) DO NOTHING RETURNING source, event_id
    """
)
_DIGESTS: Final = text(
    """
    SELECT s.source, s.event_id, s.body_sha256
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS g (source, event_id)
    JOIN seen_event s ON s.source = g.source AND s.event_id = g.event_id
    """
)
_FORGET: Final = text(
    """
    WITH old AS (
        SELECT source, event_id FROM seen_event
        WHERE seen_at < clock_timestamp() - CAST(:age AS interval) LIMIT :most
    )
    DELETE FROM seen_event s USING old
    WHERE s.source = old.source AND s.event_id = old.event_id
    """
)
_HISTORY: Final = text(
    "SELECT ticket, CAST(heard AS text) FROM ticket_event"
    " WHERE ticket = ANY(CAST(:tickets AS text[])) ORDER BY order_key"
)
_APPEND: Final = text(
    """
    INSERT INTO ticket_event (ticket, effective_at, event_id, heard)
    SELECT ticket, effective_at, event_id, CAST(heard AS json)
    FROM unnest(CAST(:tickets AS text[]), CAST(:ats AS timestamptz[]), CAST(:ids AS text[]),
        CAST(:heard AS text[])) WITH ORDINALITY AS g (ticket, effective_at, event_id, heard, n)
    ORDER BY n
    """
)
_ANNOUNCE: Final = text(
    """
    INSERT INTO outbox (ticket, version, id, payload, created_at)
    SELECT ticket, version, id, payload, clock_timestamp()
    FROM unnest(CAST(:tickets AS text[]), CAST(:versions AS bigint[]), CAST(:ids AS uuid[]),
        CAST(:payloads AS bytea[])) WITH ORDINALITY AS g (ticket, version, id, payload, n)
    ORDER BY n
    """
)
_PARK: Final = text(
    """
    INSERT INTO dead_letter
        (topic, partition, "offset", raw, headers, error_class, error, service_version, created_at)
    SELECT :topic, p, o, r, CAST(h AS jsonb), c, e, :service, clock()
    FROM unnest(CAST(:partitions AS int[]), CAST(:offsets AS bigint[]), CAST(:raws AS bytea[]),
        CAST(:headers AS text[]), CAST(:classes AS text[]), CAST(:errors AS text[]))
        AS given (p, o, r, h, c, e)
    ON CONFLICT (topic, partition, "offset") DO NOTHING
    """
)
_SERVICE_VERSION: Final = version("tierline")


class Identity(NamedTuple):
    """What makes an event one: the same pair again has no effect."""

    source: str
    event_id: str


class Seen(NamedTuple):
    """What is remembered of an event: its ticket, and a digest of its content."""

    ticket: str
    digest: bytes


class Dead(NamedTuple):
    """A record that could not be taken, the reason, and the error in words."""

    record: Incoming
    reason: str
    error: str


async def remember(conn: Connection, events: Mapping[Identity, Seen]) -> set[Identity]:
    """Remember *events*, and return those that were not known."""
    if not events:
        return set()
    given = {
        "sources": [one.source for one in events],
        "ids": [one.event_id for one in events],
        "tickets": [seen.ticket for seen in events.values()],
        "digests": [seen.digest for seen in events.values()],
    }
    return {Identity(*row) for row in (await conn.execute(_REMEMBER, given)).all()}


async def digests(conn: Connection, events: Sequence[Identity]) -> dict[Identity, bytes]:
    """Return the digest that each of *events* was first remembered with."""
    given = {"sources": [one.source for one in events], "ids": [one.event_id for one in events]}
    return {Identity(row[0], row[1]): row[2] for row in await conn.execute(_DIGESTS, given)}


async def forget(conn: Connection, *, age: Any, most: int) -> int:
    """Forget at most *most* of the events seen more than *age* (real) ago; return how many."""
    return (await conn.execute(_FORGET, {"age": age, "most": most})).rowcount


async def histories(conn: Connection, keys: Sequence[str]) -> dict[str, list[Heard]]:
    """Return what each of the cases *keys* has heard, in the order of receipt."""
    found: dict[str, list[Heard]] = {key: [] for key in keys}
    for key, heard in (await conn.execute(_HISTORY, {"tickets": list(keys)})).all():
        found[key].append(restore_heard(heard))
    return found


async def append(conn: Connection, heard: Sequence[tuple[str, Heard]]) -> None:
    """Append to the histories what their cases have *heard*, in that order."""
    if not heard:
        return
    given = {
        "tickets": [key for key, _ in heard],
        "ats": [as_datetime(one.effective) for _, one in heard],
        "ids": [one.id for _, one in heard],
        "heard": [dump_heard(one).decode() for _, one in heard],
    }
    await conn.execute(_APPEND, given)


async def announce(conn: Connection, decisions: Sequence[Decision]) -> None:
    """Put *decisions* into the outbox, in that order."""
    if not decisions:
        return
    given = {
        "tickets": [one.ticket for one in decisions],
        "versions": [one.version for one in decisions],
        "ids": [one.id for one in decisions],
        "payloads": [stamped(encode_decision(one), one.ticket) for one in decisions],
    }
    await conn.execute(_ANNOUNCE, given)


async def park(conn: Connection, topic: str, dead: Sequence[Dead]) -> None:
    """Keep records that could not be taken."""
    if not dead:
        return
    given: Mapping[str, Any] = {
        "topic": topic,
        "partitions": [one.record.partition for one in dead],
        "offsets": [one.record.offset for one in dead],
        "raws": [one.record.value for one in dead],
        "headers": [_headers(one.record) for one in dead],
        "classes": [one.reason for one in dead],
        "errors": [one.error.replace("\0", "\\0") for one in dead],
        "service": _SERVICE_VERSION,
    }
    await conn.execute(_PARK, given)


def _headers(record: Incoming) -> str:
    # Latin-1 reads any byte; a NUL has no place in the database.
    plain = {name: value.decode("latin-1").replace("\0", "\\0") for name, value in record.headers}
    return to_json(plain).decode()
