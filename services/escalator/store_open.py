"""Open cases, page by page, for whoever only looks: nothing is locked.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import text

from services.escalator.core.decide import Case, restore
from shared.runtime.database import Connection

_OPEN: Final = "status NOT IN ('resolved', 'closed', 'merged', 'cancelled')"
_COUNT: Final = text(f"SELECT count(*) FROM ticket_state WHERE {_OPEN}")  # noqa: S608  a constant
_PAGE: Final = text(
    f"SELECT key, CAST(body AS text) FROM ticket_state WHERE key > :after AND {_OPEN}"  # noqa: S608  a constant
    " ORDER BY key LIMIT :most"
)


class Page(NamedTuple):
    """Some cases in the order of their keys; *last* is the key to go on after, None at the end."""

    cases: list[Case]
    last: str | None


async def count_open(conn: Connection) -> int:
    """Return how many rows there are to look at; a few of them may turn out to be no ticket's."""
    return int((await conn.execute(_COUNT)).scalar_one())


async def open_page(conn: Connection, after: str, *, most: int) -> Page:
    """Return at most *most* open cases whose keys come after *after*."""
    rows = (await conn.execute(_PAGE, {"after": after, "most": most})).all()
    cases = [restore(body) for _, body in rows]
    return Page(cases, rows[-1][0] if len(rows) == most else None)
