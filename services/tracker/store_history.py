"""What happened, counted by the hour or the day, for the charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import text

from shared.runtime.database import Connection

# The types are named as in the index of these rows, or it is not used. A stay in a tier lasts from
# the decision that began it to the next that moves, closes or opens the case.
_HAPPENED: Final = text(
    """
    WITH told AS (
        SELECT ticket, at, type, CAST(message #>> '{data,tier}' AS int) AS tier,
            message #>> '{data,direction}' AS direction,
            CAST(message #>> '{data,version}' AS bigint) AS version
        FROM timeline
        WHERE kind = 1 AND type IN
            ('case.opened', 'case.reopened', 'case.closed', 'tier.changed', 'timer.breached')
            AND at >= :since AND ticket NOT LIKE 'group:%'
    ), stays AS (
        SELECT at, lag(tier) OVER before AS tier, lag(type) OVER before AS began,
            extract(epoch FROM at - lag(at) OVER before) AS stay_s
        FROM told WHERE type <> 'timer.breached'
        WINDOW before AS (PARTITION BY ticket ORDER BY version)
    )
    SELECT date_bin(CAST(:step AS interval), at, TIMESTAMPTZ '1970-01-01 00:00:00+00') AS at,
        type AS what, count(*) FILTER (WHERE type <> 'tier.changed' OR direction = 'up') AS n,
        CAST(0 AS double precision) AS total_s
    FROM told GROUP BY 1, 2
    UNION ALL
    SELECT date_bin(CAST(:step AS interval), at, TIMESTAMPTZ '1970-01-01 00:00:00+00'),
        'stay.' || tier, count(*), CAST(sum(stay_s) AS double precision)
    FROM stays WHERE tier IS NOT NULL AND began <> 'case.closed' GROUP BY 1, 2
    """
)


class Happened(NamedTuple):
    """So many of one kind in one hour or day.

    Attributes:
        at: Its beginning.
        what: A decision's type, or `stay.1`: stays in tier 1 that ended.
        n: How many.
        total_s: Of stays, their seconds together.
    """

    at: datetime
    what: str
    n: int
    total_s: float


async def happened_since(conn: Connection, since: datetime, step: timedelta) -> Sequence[Happened]:
    """Return what happened from *since* on, counted for each *step*."""
    found = await conn.execute(_HAPPENED, {"since": since, "step": step})
    return [Happened(*row) for row in found]
