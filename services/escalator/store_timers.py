"""Which cases have something to do by themselves, in PostgreSQL.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import text

from services.escalator.tables import ANYWHERE
from shared.runtime.database import Connection

_BEAT: Final = text(
    """
    UPDATE ticking SET at = clock(), since = CASE
        WHEN clock() BETWEEN at - CAST(:lapse AS interval) AND at + CAST(:lapse AS interval)
        THEN since ELSE clock()
    END
    RETURNING since
    """
)
_READ_UNTIL: Final = text("SELECT partition, caught_up_at FROM progress WHERE topic = :topic")
# Each partition up to its own bound, so that those that wait for input are not even looked at.
_DUE: Final = text(
    """
    SELECT c.key, c.topic_partition, c.due_at
    FROM unnest(CAST(:partitions AS int[]), CAST(:bounds AS timestamptz[])) AS b (partition, bound)
    CROSS JOIN LATERAL (
        SELECT s.key, s.topic_partition, s.due_at FROM ticket_state s
        WHERE s.topic_partition = b.partition AND s.due_at <= b.bound
        ORDER BY s.due_at LIMIT :most FOR UPDATE SKIP LOCKED
    ) AS c
    ORDER BY c.due_at
    """
)
_BEHIND: Final = text(
    """
    SELECT s.key, s.topic_partition, s.due_at FROM ticket_state s
    WHERE s.epoch < :epoch AND s.status NOT IN ('resolved', 'closed', 'merged', 'cancelled')
    LIMIT :most FOR UPDATE SKIP LOCKED
    """
)
_PUT_OFF: Final = text(
    "UPDATE ticket_state SET due_at = clock() + CAST(:by AS interval), epoch = :epoch"
    " WHERE key = ANY(CAST(:keys AS text[]))"
)


class Due(NamedTuple):
    """A case that is locked since it may have something to do; `due_at` is None only if it is behind."""

    key: str
    partition: int
    due_at: datetime | None


async def beat(conn: Connection, lapse: timedelta) -> datetime:
    """Note that a ticker is at work, and return since when some has been without a break.

    Nobody at work for *lapse*, virtual, is a break.
    """
    since: datetime = (await conn.execute(_BEAT, {"lapse": lapse})).scalar_one()
    return since


async def read_until(conn: Connection, topic: str) -> dict[int, datetime | None]:
    """Return, by partition of *topic*, until when all input was taken in; `ANYWHERE` is all."""
    found = {row[0]: row[1] for row in await conn.execute(_READ_UNTIL, {"topic": topic})}
    if found:
        marks = [at for at in found.values() if at is not None]
        found[ANYWHERE] = min(marks) if len(marks) == len(found) else None
    return found


async def lock_due(conn: Connection, bounds: Mapping[int, datetime], *, most: int) -> list[Due]:
    """Lock and return cases due up to the bound of their partition, the earliest first.

    At most *most* of each partition; those that others have locked are left to them.
    """
    given = {"partitions": list(bounds), "bounds": list(bounds.values()), "most": most}
    return [Due(*row) for row in await conn.execute(_DUE, given)]


async def lock_behind(conn: Connection, epoch: int, *, most: int) -> list[Due]:
    """Lock and return at most *most* open cases that do not know the policies of *epoch* yet."""
    return [Due(*row) for row in await conn.execute(_BEHIND, {"epoch": epoch, "most": most})]


async def put_off(conn: Connection, keys: list[str], *, by: timedelta, epoch: int) -> None:
    """Have nobody look at the cases *keys* before *by* (virtual) from now."""
    if keys:
        await conn.execute(_PUT_OFF, {"keys": keys, "by": by, "epoch": epoch})
