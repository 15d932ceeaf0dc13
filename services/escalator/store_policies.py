"""The policies that hold here, in PostgreSQL, each with the instant from which it does.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import text

from shared.runtime.database import Connection

_DECIDED: Final = text(
    "SELECT EXISTS (SELECT FROM policy_version) AND EXISTS (SELECT FROM ticket_state)"
)
_READ_TO_THE_END: Final = text(
    "SELECT EXISTS (SELECT FROM progress WHERE topic = :topic AND caught_up_at IS NOT NULL)"
)
_ADD: Final = text(
    """
    INSERT INTO policy_version
        (name, version, digest, text, active_from, asked_for, by, note, recorded_at)
    SELECT :name, :version, :digest, :text, CASE
            WHEN NOT EXISTS (SELECT FROM ticket_state) THEN CAST(:active_from AS timestamptz)
            ELSE greatest(:active_from, date_trunc('second', clock()) + interval '1 second')
        END, CAST(:active_from AS timestamptz), :by, :note, clock()
    ON CONFLICT (version) DO NOTHING RETURNING active_from
    """
)
_DIGEST: Final = text("SELECT digest FROM policy_version WHERE version = :version")
_SINCE: Final = text(
    "SELECT epoch, version, text, active_from FROM policy_version WHERE epoch > :epoch"
    " ORDER BY epoch"
)
_HISTORY: Final = text(
    "SELECT version, name, digest, active_from, asked_for, recorded_at, by, note"
    " FROM policy_version ORDER BY version DESC"
)
_TEXT: Final = text("SELECT text FROM policy_version WHERE version = :version")


@dataclass(frozen=True, slots=True)
class Version:
    """A policy version as it is to be recorded; *active_from* is when it is wanted to begin."""

    name: str
    version: int
    digest: str
    text: str
    active_from: datetime
    by: str | None = None
    note: str | None = None


class Recorded(NamedTuple):
    """A policy version that holds from *active_from* on."""

    epoch: int
    version: int
    text: str
    active_from: datetime


class Held(NamedTuple):
    """A recorded version as its history tells it.

    `active_from` is since when it holds, `asked_for` what was asked, `recorded_at` when it was
    taken in; all virtual.
    """

    version: int
    name: str
    digest: str
    active_from: datetime
    asked_for: datetime | None
    recorded_at: datetime
    by: str | None
    note: str | None


async def something_decided(conn: Connection) -> bool:
    """Return whether cases were decided by the policies that are recorded."""
    return bool((await conn.execute(_DECIDED)).scalar_one())


async def read_to_the_end(conn: Connection, topic: str) -> bool:
    """Return whether *topic* was ever read to its end."""
    return bool((await conn.execute(_READ_TO_THE_END, {"topic": topic})).scalar_one())


async def add(conn: Connection, version: Version) -> datetime | None:
    """Record *version* and return from when it holds; None where its number is known already.

    While policies are held. Once anything was decided it begins in the next second at the
    earliest, so that nothing that counts from then on was decided without it.
    """
    given = {name: getattr(version, name) for name in Version.__slots__}
    begins: datetime | None = (await conn.execute(_ADD, given)).scalar_one_or_none()
    return begins


async def digest_of(conn: Connection, number: int) -> str:
    """Return the digest of the recorded version *number*."""
    return str((await conn.execute(_DIGEST, {"version": number})).scalar_one())


async def recorded_since(conn: Connection, epoch: int) -> list[Recorded]:
    """Return what was recorded after *epoch*."""
    return [Recorded(*row) for row in await conn.execute(_SINCE, {"epoch": epoch})]


async def read_history(conn: Connection) -> list[Held]:
    """Return every version that is recorded, the newest first."""
    return [Held(*row) for row in await conn.execute(_HISTORY)]


async def read_text(conn: Connection, number: int) -> str | None:
    """Return the text of the recorded version *number*, or None where there is none."""
    found: str | None = (await conn.execute(_TEXT, {"version": number})).scalar_one_or_none()
    return found
