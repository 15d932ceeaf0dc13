"""Dead letters of a service, which look alike in every schema: what is erased goes out of them too."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from shared.contract.erasure import ERASED, Erasures
from shared.runtime.database import Connection

_DEAD: Final = text("SELECT id, raw FROM dead_letter WHERE raw IS NOT NULL")
_BURY: Final = text(
    "UPDATE dead_letter SET raw = NULL, headers = '{}', error = :error"
    " WHERE id = ANY(CAST(:ids AS bigint[]))"
)


async def bury(conn: Connection, erasures: Erasures, *, dry: bool = False) -> int:
    """Empty the dead letters that name somebody who is erased; return how many, if *dry* only that.

    It works inside the caller's transaction, in the schema of its connection, and does not commit.
    """
    found = [
        row.id
        for row in await conn.execute(_DEAD)
        if erasures.mentioned_in(row.raw.decode(errors="replace"))
    ]
    if found and not dry:
        await conn.execute(_BURY, {"ids": found, "error": ERASED})
    return len(found)
