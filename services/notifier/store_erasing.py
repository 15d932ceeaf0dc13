"""What is erased, taken out of what the notifier keeps: ledger, addresses, answers, rooms.

A notice that is still to be sent keeps its address: whoever is erased has to leave the roster first.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import text

from shared.contract.erasure import Erasures, digest_of, pseudonym_of
from shared.runtime.database import Connection

_KNOWN: Final = text(
    "SELECT ticket, facts, calls FROM ticket WHERE ticket = ANY(CAST(:keys AS text[]))"
    " ORDER BY ticket FOR UPDATE"
)
_NEW_KNOWN: Final = text(
    "UPDATE ticket SET facts = CAST(:facts AS jsonb), calls = CAST(:calls AS jsonb)"
    " WHERE ticket = :ticket"
)
_DECISIONS: Final = text(
    "SELECT id, ticket, at, data, facts FROM decision WHERE ticket = ANY(CAST(:keys AS text[]))"
)
_NEW_DECISION: Final = text(
    "UPDATE decision SET data = CAST(:data AS jsonb), facts = CAST(:facts AS jsonb) WHERE id = :id"
)
_NAMED: Final = text(
    """
    SELECT DISTINCT name FROM (
        SELECT person AS name FROM delivery UNION ALL SELECT address FROM delivery
        UNION ALL SELECT person FROM answer UNION ALL SELECT actor FROM operator_act
        UNION ALL SELECT place FROM card UNION ALL SELECT unnest(invited) FROM room
    ) AS names WHERE name IS NOT NULL
    """
)
_NAMED_ON: Final = text(
    """
    SELECT DISTINCT name FROM (
        SELECT person AS name FROM delivery WHERE ticket = ANY(CAST(:keys AS text[]))
        UNION ALL SELECT person FROM answer WHERE ticket = ANY(CAST(:keys AS text[]))
    ) AS names WHERE name IS NOT NULL AND name NOT LIKE 'erased-%'
    """
)
# Of a notice that has ended nothing is needed but whom it was for and what became of it.
_DELIVERIES: Final = text(
    """
    UPDATE delivery SET person = CASE WHEN person = :name THEN :pseudonym ELSE person END,
        address = NULL, target = NULL, provider_ref = NULL, last_error = NULL
    WHERE (person = :name OR address = :name) AND finished_at IS NOT NULL
        AND (CAST(:keys AS text[]) IS NULL OR ticket = ANY(CAST(:keys AS text[])))
    RETURNING id
    """
)
_ATTEMPTS: Final = text(
    "UPDATE attempt SET detail = NULL WHERE delivery_id = ANY(CAST(:ids AS uuid[]))"
)
_ANSWERS: Final = text(
    "UPDATE answer SET person = :pseudonym WHERE person = :name"
    " AND (CAST(:keys AS text[]) IS NULL OR ticket = ANY(CAST(:keys AS text[])))"
)
_ACTORS: Final = text("UPDATE operator_act SET actor = :pseudonym WHERE actor = :name")
_CARDS: Final = text("DELETE FROM card WHERE place = :name")
_SLOTS: Final = text("DELETE FROM digest_slot WHERE person = :name")
_ROOMS: Final = text(
    "UPDATE room SET invited = array_remove(invited, :name) WHERE :name = ANY(invited)"
)


async def erase_notices(conn: Connection, keys: Sequence[str], erasures: Erasures) -> int:
    """Take what is erased out of what is kept of the tickets *keys*; return how many rows changed."""
    changed = 0
    for row in (await conn.execute(_KNOWN, {"keys": list(keys)})).all():
        kept = [_without(one, row.ticket, None, erasures) for one in (row.facts, row.calls)]
        if kept != [row.facts, row.calls]:
            given = {"ticket": row.ticket, "facts": _json(kept[0]), "calls": _json(kept[1])}
            await conn.execute(_NEW_KNOWN, given)
            changed += 1
    for row in (await conn.execute(_DECISIONS, {"keys": list(keys)})).all():
        kept = [_without(one, row.ticket, row.at, erasures) for one in (row.data, row.facts)]
        if kept != [row.data, row.facts]:
            given = {"id": row.id, "data": _json(kept[0]), "facts": _json(kept[1])}
            await conn.execute(_NEW_DECISION, given)
            changed += 1
    whole = [key for key in keys if key in erasures.tickets and erasures.tickets[key].names]
    for (name,) in (await conn.execute(_NAMED_ON, {"keys": whole})).all():
        changed += await _erase_name(conn, name, whole)
    return changed


async def erase_people(conn: Connection, erasures: Erasures) -> int:
    """Take the names that are erased out of the whole ledger; return how many rows were changed."""
    changed = 0
    for (name,) in (await conn.execute(_NAMED)).all():
        if digest_of(name) not in erasures.persons:
            continue
        changed += await _erase_name(conn, name, None)
        given = {"name": name, "pseudonym": pseudonym_of(digest_of(name))}
        for statement in (_ACTORS, _CARDS, _SLOTS, _ROOMS):
            changed += (await conn.execute(statement, given)).rowcount
    return changed


async def _erase_name(conn: Connection, name: str, keys: Sequence[str] | None) -> int:
    given = {"name": name, "pseudonym": pseudonym_of(digest_of(name)), "keys": keys}
    ids = [row[0] for row in await conn.execute(_DELIVERIES, given)]
    await conn.execute(_ATTEMPTS, {"ids": ids})
    return len(ids) + (await conn.execute(_ANSWERS, given)).rowcount


def _without(plain: Any, ticket: str, at: datetime | None, erasures: Erasures) -> Any:
    if at is None:
        # What was folded from a ticket's decisions is theirs, whenever that was.
        return erasures.for_good().applied(plain, ticket=ticket, received_at=_LATEST)
    return erasures.applied(plain, ticket=ticket, received_at=at)


_LATEST: Final = datetime.fromisoformat("9000-01-01T00:00:00Z")


def _json(plain: Any) -> str:
    return to_json(plain).decode()
