"""Notices in PostgreSQL. Only the holder of a partition's progress writes the notices in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from pydantic_core import from_json, to_json
from sqlalchemy import text

from services.tracker.core.notices import Notice
from shared.runtime.database import Connection

_LOAD: Final = text(
    "SELECT id, ticket, state, attempt, rank, CAST(data AS text) FROM notice"
    " WHERE id = ANY(CAST(:ids AS uuid[]))"
)
_SAVE: Final = text(
    """
    INSERT INTO notice (id, ticket, state, attempt, rank, data)
    SELECT id, ticket, state, attempt, rank, CAST(data AS json)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:tickets AS text[]), CAST(:states AS text[]),
        CAST(:attempts AS int[]), CAST(:ranks AS smallint[]), CAST(:datas AS text[]))
        AS g (id, ticket, state, attempt, rank, data)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempt = excluded.attempt,
        rank = excluded.rank, data = excluded.data
    """
)


async def load_notices(conn: Connection, ids: Iterable[UUID]) -> dict[UUID, Notice]:
    """Return the notices that exist of *ids*."""
    found = await conn.execute(_LOAD, {"ids": sorted(ids)})
    return {
        row[0]: Notice(UUID(str(row[0])), row[1], row[2], (row[3], row[4]), from_json(row[5]))
        for row in found
    }


async def save_notices(conn: Connection, notices: Sequence[Notice]) -> None:
    """Write *notices* as they are now."""
    given = {
        "ids": [one.id for one in notices],
        "tickets": [one.ticket for one in notices],
        "states": [one.state for one in notices],
        "attempts": [one.step[0] for one in notices],
        "ranks": [one.step[1] for one in notices],
        "datas": [to_json(one.data).decode() for one in notices],
    }
    await conn.execute(_SAVE, given)
