"""What is erased, in PostgreSQL: the lists that every writer obeys, and what they change.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text

from services.tracker.core.message import Kind, Message, read
from shared.contract.erasure import Erasures, OfPerson, OfTicket
from shared.runtime.database import Connection

_PERSONS: Final = text("SELECT digest, until, words, in_texts FROM erased_person")
_TICKETS: Final = text(
    "SELECT ticket, until, names FROM erased_ticket WHERE ticket = ANY(CAST(:keys AS text[]))"
)
_KNOW_PERSON: Final = text(
    """
    INSERT INTO erased_person (digest, until, words, in_texts)
    VALUES (:digest, :until, :words, :in_texts)
    ON CONFLICT (digest) DO UPDATE SET until = greatest(erased_person.until, excluded.until)
    """
)
_KNOW_TICKETS: Final = text(
    """
    INSERT INTO erased_ticket (ticket, until, names)
    SELECT key, :until, :names FROM unnest(CAST(:keys AS text[])) AS given (key)
    ON CONFLICT (ticket) DO UPDATE SET until = greatest(erased_ticket.until, excluded.until),
        names = erased_ticket.names OR excluded.names
    """
)
_NOW: Final = text("SELECT clock()")
_WITH: Final = text(
    """
    SELECT DISTINCT ticket FROM timeline WHERE EXISTS (
        SELECT 1 FROM unnest(CAST(:parts AS text[])) AS given (part)
        WHERE strpos(lower(CAST(message AS text)), part) > 0)
    ORDER BY ticket
    """
)
_ALL: Final = text("SELECT DISTINCT ticket FROM timeline ORDER BY ticket")
_LISTED: Final = text("SELECT ticket FROM erased_ticket ORDER BY ticket")
_ENDED: Final = text(
    """
    SELECT key FROM ticket WHERE NOT open AND updated_at < clock() - CAST(:age AS interval)
        AND NOT EXISTS (SELECT 1 FROM erased_ticket e WHERE e.ticket = key AND e.names
            AND e.until >= ticket.updated_at)
    ORDER BY key
    """
)
_MESSAGES: Final = text(
    """
    SELECT kind, partition, "offset", CAST(message AS text) FROM timeline
    WHERE ticket = ANY(CAST(:keys AS text[])) ORDER BY ticket
    """
)
_REWRITE: Final = text(
    """
    UPDATE timeline SET message = CAST(given.message AS json)
    FROM unnest(CAST(:identities AS bytea[]), CAST(:messages AS text[]))
        AS given (identity, message)
    WHERE timeline.identity = given.identity
    """
)


async def now(conn: Connection) -> datetime:
    """Return the installation's time."""
    at: datetime = (await conn.execute(_NOW)).scalar_one()
    return at


async def erasures_of(conn: Connection, keys: Collection[str]) -> Erasures:
    """Return what is erased: of all persons, who are few, and of the tickets *keys*."""
    persons = {
        row.digest: OfPerson(row.until, row.words, row.in_texts)
        for row in await conn.execute(_PERSONS)
    }
    tickets = {
        row.ticket: OfTicket(row.until, row.names)
        for row in await conn.execute(_TICKETS, {"keys": sorted(keys)})
    }
    return Erasures(persons, tickets)


async def know_persons(conn: Connection, persons: Mapping[bytes, OfPerson]) -> None:
    """Put *persons*, by the digests of their names, on the list."""
    for digest, one in persons.items():
        await conn.execute(_KNOW_PERSON, {"digest": digest, **one._asdict()})


async def know_tickets(
    conn: Connection, keys: Sequence[str], until: datetime, *, names: bool
) -> None:
    """Put the tickets *keys* on the list: their texts, and if *names*, everybody's name."""
    if keys:
        given = {"keys": sorted(keys), "until": until, "names": names}
        await conn.execute(_KNOW_TICKETS, given)


async def tickets_with(conn: Connection, names: Iterable[str]) -> list[str]:
    """Return the keys of tickets whose messages may hold one of *names*; some do not."""
    parts = [_part(one) for one in names]
    if all(parts):
        return [row[0] for row in await conn.execute(_WITH, {"parts": parts})]
    return await all_tickets(conn)


async def all_tickets(conn: Connection) -> list[str]:
    """Return the keys of all tickets that were heard of."""
    return [row[0] for row in await conn.execute(_ALL)]


async def listed_tickets(conn: Connection) -> list[str]:
    """Return the keys of the tickets of which something is erased."""
    return [row[0] for row in await conn.execute(_LISTED)]


async def tickets_ended(conn: Connection, age: timedelta) -> list[str]:
    """Return the keys of tickets that ended *age* ago, and whose names are not erased yet."""
    return [row[0] for row in await conn.execute(_ENDED, {"age": age})]


async def messages_of(conn: Connection, keys: Sequence[str]) -> dict[str, list[Message]]:
    """Return everything that was heard of the tickets *keys*, in no order."""
    found: dict[str, list[Message]] = {key: [] for key in keys}
    for kind, partition, offset, message in await conn.execute(_MESSAGES, {"keys": list(keys)}):
        one = read(Kind(kind), message.encode(), (), place=(partition, offset))
        found[one.ticket].append(one)
    return found


async def rewrite(conn: Connection, messages: Sequence[Message]) -> None:
    """Put *messages* in the place of those that they were before."""
    given = {
        "identities": [one.identity for one in messages],
        "messages": [one.text for one in messages],
    }
    await conn.execute(_REWRITE, given)


def _part(name: str) -> str:
    """Return the longest run of plain letters and digits in *name*: every spelling of it has that.

    What a database makes of other letters depends on its locale, and in JSON they may be escaped.
    """
    return max(re.findall(r"[A-Za-z0-9]+", name), key=len, default="").lower()
