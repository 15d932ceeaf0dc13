"""What is erased, taken out of what the escalator keeps of cases: their state and what they heard.

Names become the same pseudonyms everywhere, so a case that is folded again decides as it did. A case
that is kept in memory is read anew, since its token has changed.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import from_json, to_json
from sqlalchemy import text

from shared.contract.erasure import Erasures
from shared.runtime.database import Connection

_STATES: Final = text(
    "SELECT key, updated_at, CAST(body AS text) AS body FROM ticket_state"
    " WHERE key = ANY(CAST(:keys AS text[])) ORDER BY key FOR UPDATE"
)
_HEARD: Final = text(
    "SELECT ticket, order_key, CAST(heard AS text) AS heard FROM ticket_event"
    " WHERE ticket = ANY(CAST(:keys AS text[]))"
)
_ANNOUNCED: Final = text(
    "SELECT ticket, seq, payload FROM outbox"
    " WHERE ticket = ANY(CAST(:keys AS text[])) AND published_at IS NOT NULL"
)
_NEW_STATE: Final = text(
    "UPDATE ticket_state SET body = CAST(:body AS json), due_token = gen_random_uuid()"
    " WHERE key = :key"
)
_NEW_HEARD: Final = text(
    "UPDATE ticket_event SET heard = CAST(:heard AS json)"
    " WHERE ticket = :ticket AND order_key = :order_key"
)
_NEW_PAYLOAD: Final = text("UPDATE outbox SET payload = :payload WHERE seq = :seq")


async def erase_cases(conn: Connection, keys: Sequence[str], erasures: Erasures) -> int:
    """Take what is erased out of the cases *keys*; return how many rows were changed."""
    states = (await conn.execute(_STATES, {"keys": list(keys)})).all()
    changed = 0
    touched: set[str] = set()
    for row in (await conn.execute(_HEARD, {"keys": list(keys)})).all():
        plain: dict[str, Any] = from_json(row.heard)
        received = datetime.fromtimestamp(plain["received"], UTC)
        kept = erasures.applied(plain, ticket=row.ticket, received_at=received)
        if kept != plain:
            given = {"ticket": row.ticket, "order_key": row.order_key}
            await conn.execute(_NEW_HEARD, {**given, "heard": to_json(kept).decode()})
            touched.add(row.ticket)
            changed += 1
    for row in states:
        plain = from_json(row.body)
        kept = erasures.applied(plain, ticket=row.key, received_at=row.updated_at)
        if kept != plain or row.key in touched:
            await conn.execute(_NEW_STATE, {"key": row.key, "body": to_json(kept).decode()})
            changed += kept != plain
    return changed + await _erase_announced(conn, keys, erasures)


async def _erase_announced(conn: Connection, keys: Sequence[str], erasures: Erasures) -> int:
    changed = 0
    for row in (await conn.execute(_ANNOUNCED, {"keys": list(keys)})).all():
        plain: Mapping[str, Any] = from_json(row.payload)
        decided = datetime.fromisoformat(plain["time"])
        kept = erasures.applied(plain, ticket=row.ticket, received_at=decided)
        if kept != plain:
            await conn.execute(_NEW_PAYLOAD, {"seq": row.seq, "payload": to_json(kept)})
            changed += 1
    return changed
