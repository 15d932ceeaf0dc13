"""Notices in PostgreSQL. Only the holder of a partition's progress writes the notices in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text

from services.tracker.core.notices import RANKS, Notice
from shared.runtime.database import Connection

_LOAD: Final = text(
    "SELECT id, ticket, state, attempt, at, said FROM notice WHERE id = ANY(CAST(:ids AS uuid[]))"
)
_SAVE: Final = text(
    """
    INSERT INTO notice (id, ticket, state, attempt, at, said)
    SELECT id, ticket, state, attempt, at, said
    FROM unnest(CAST(:ids AS uuid[]), CAST(:tickets AS text[]), CAST(:states AS text[]),
        CAST(:attempts AS int[]), CAST(:ats AS timestamptz[]), CAST(:saids AS bytea[]))
        AS given (id, ticket, state, attempt, at, said)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempt = excluded.attempt,
        at = excluded.at, said = excluded.said
    """
)


async def load_notices(conn: Connection, ids: Iterable[UUID]) -> dict[UUID, Notice]:
    """Return the notices that exist of *ids*."""
    found = await conn.execute(_LOAD, {"ids": sorted(ids)})
    notices = (
        Notice(UUID(str(id_)), ticket, state, (attempt, RANKS[state]), at, said)
        for id_, ticket, state, attempt, at, said in found
    )
    return {one.id: one for one in notices}


async def save_notices(conn: Connection, notices: Sequence[Notice]) -> None:
    """Write *notices* as they are now."""
    given = {
        "ids": [one.id for one in notices],
        "tickets": [one.ticket for one in notices],
        "states": [one.state for one in notices],
        "attempts": [one.step[0] for one in notices],
        "ats": [one.at for one in notices],
        "saids": [one.said for one in notices],
    }
    await conn.execute(_SAVE, given)
