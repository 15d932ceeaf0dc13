"""Fetched calendars in Postgres: the last good text of each, for a start while its server is away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, text

from services.notifier.known_calendars import Fetched
from services.notifier.tables import kept_calendar
from shared.runtime.database import Database

_FORGET: Final = text(
    "DELETE FROM kept_calendar WHERE NOT address = ANY(CAST(:addresses AS text[]))"
)
# Of two instances that fetch, whoever came later has it; in one order, so that none waits for the other.
_KEEP: Final = text(
    """
    INSERT INTO kept_calendar (address, content, fetched_at)
    SELECT * FROM unnest(
        CAST(:addresses AS text[]), CAST(:contents AS bytea[]), CAST(:fetched_at AS timestamptz[])
    ) AS given (address, content, fetched_at) ORDER BY given.address
    ON CONFLICT (address) DO UPDATE SET content = excluded.content, fetched_at = excluded.fetched_at
    WHERE kept_calendar.fetched_at < excluded.fetched_at
    """
)


@dataclass(frozen=True, slots=True)
class CalendarBook:
    """Keeps calendars over a restart; each call is a transaction of its own."""

    database: Database

    async def load(self) -> dict[str, Fetched]:
        """Return what is kept, by what the roster called it."""
        async with self.database.transaction() as conn:
            found = (await conn.execute(select(kept_calendar))).all()
        return {row.address: Fetched(row.content.decode(), row.fetched_at) for row in found}

    async def save(self, calendars: Mapping[str, Fetched]) -> None:
        """Keep *calendars* as they are, and no others."""
        given = {
            "addresses": list(calendars),
            # Bytes: whoever serves a calendar may send characters that no text of PostgreSQL holds.
            "contents": [one.text.encode() for one in calendars.values()],
            "fetched_at": [one.at for one in calendars.values()],
        }
        async with self.database.transaction() as conn:
            await conn.execute(_FORGET, {"addresses": given["addresses"]})
            await conn.execute(_KEEP, given)
