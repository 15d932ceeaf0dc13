"""Cases in PostgreSQL: begin a turn, lock and load, save. A few statements per transaction.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.escalator.core.decide import Case, dump, next_due, restore
from shared.contract.times import as_datetime
from shared.policy.document import PolicyTimeline
from shared.runtime.clock import new_id
from shared.runtime.database import Connection

_POLICY_LOCK: Final = 0x706F6C69
# Shared by whoever decides, alone for whoever activates a policy (`store_policies`).
_SHARE: Final = text(
    f"SELECT pg_advisory_xact_lock_shared({_POLICY_LOCK}, hashtext(current_schema()))"
)
_ALONE: Final = text(f"SELECT pg_advisory_xact_lock({_POLICY_LOCK}, hashtext(current_schema()))")
_NOW: Final = text("SELECT clock(), coalesce((SELECT max(epoch) FROM policy_version), 0)")
_LOCK: Final = text(
    """
    SELECT s.key, s.topic_partition,
        CASE WHEN s.due_token IS DISTINCT FROM g.token THEN CAST(s.body AS text) END
    FROM unnest(CAST(:keys AS text[]), CAST(:tokens AS uuid[])) AS g (key, token)
    JOIN ticket_state s ON s.key = g.key
    ORDER BY s.key FOR UPDATE OF s
    """
)
_TRY: Final = text(
    """
    WITH locked AS MATERIALIZED (
        SELECT key, topic_partition, CAST(body AS text) AS body FROM ticket_state
        WHERE key = ANY(CAST(:keys AS text[])) FOR UPDATE SKIP LOCKED
    )
    SELECT key, l.topic_partition, l.body
    FROM ticket_state LEFT JOIN locked l USING (key) WHERE key = ANY(CAST(:keys AS text[]))
    """
)
_UPDATE: Final = text(
    """
    UPDATE ticket_state SET topic_partition = g.topic_partition, version = g.version,
        status = g.status, tier = g.tier, due_at = g.due_at, due_token = g.due_token,
        epoch = :epoch, updated_at = :now, body = CAST(g.body AS json)
    FROM unnest(CAST(:key AS text[]), CAST(:topic_partition AS int[]), CAST(:version AS bigint[]),
            CAST(:status AS text[]), CAST(:tier AS smallint[]), CAST(:due_at AS timestamptz[]),
            CAST(:due_token AS uuid[]), CAST(:body AS text[]))
        AS g (key, topic_partition, version, status, tier, due_at, due_token, body)
    WHERE ticket_state.key = g.key
    """
)
_INSERT: Final = text(
    """
    INSERT INTO ticket_state (key, topic_partition, version, status, tier, due_at, due_token,
        epoch, updated_at, body)
    SELECT g.key, g.topic_partition, g.version, g.status, g.tier, g.due_at, g.due_token,
        :epoch, :now, CAST(g.body AS json)
    FROM unnest(CAST(:key AS text[]), CAST(:topic_partition AS int[]), CAST(:version AS bigint[]),
            CAST(:status AS text[]), CAST(:tier AS smallint[]), CAST(:due_at AS timestamptz[]),
            CAST(:due_token AS uuid[]), CAST(:body AS text[]))
        AS g (key, topic_partition, version, status, tier, due_at, due_token, body)
    ORDER BY g.key ON CONFLICT (key) DO NOTHING RETURNING key
    """
)
_COLUMNS: Final = (
    "key",
    "topic_partition",
    "version",
    "status",
    "tier",
    "due_at",
    "due_token",
    "body",
)
_READ: Final = text("SELECT CAST(body AS text) FROM ticket_state WHERE key = :key")


class StartOverError(Exception):
    """Somebody else was there; the same transaction, begun anew, will find what it needs."""

    why = "overtaken"


class ContendedError(StartOverError):
    """A case is locked by somebody whom we must not wait for while we hold others.

    Attributes:
        keys: What to lock from the beginning the next time.
    """

    why = "contended"

    def __init__(self, keys: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(keys)))
        self.keys = keys


class PolicyChangedError(StartOverError):
    """A policy was activated that this process does not know yet."""

    why = "policy"


class Turn(NamedTuple):
    """What a transaction decides by: its time, virtual, and the newest policy that is known."""

    now: datetime
    epoch: int


@dataclass(frozen=True, slots=True)
class Row:
    """A case as it is stored, and locked by this transaction.

    `partition` is where its events come from, or `ANYWHERE`.
    """

    key: str
    case: Case
    partition: int


async def share_policies(conn: Connection) -> None:
    """Keep policies from being activated until *conn*'s transaction ends."""
    await conn.execute(_SHARE)


async def hold_policies(conn: Connection) -> None:
    """Wait until nobody decides, and keep everybody from it until *conn*'s transaction ends."""
    await conn.execute(_ALONE)


async def begin_turn(conn: Connection) -> Turn:
    """Return the time and the newest policy; to be asked once policies are shared."""
    now, epoch = (await conn.execute(_NOW)).one()
    return Turn(now, epoch)


async def lock_rows(conn: Connection, known: Mapping[str, tuple[UUID, Case] | None]) -> list[Row]:
    """Lock and return the rows that exist of *known*, in the order of their keys.

    What is *known* of a key, its token and its case, is not loaded again if it still holds.
    """
    if not known:
        return []
    given = {
        "keys": list(known),
        "tokens": [None if held is None else held[0] for held in known.values()],
    }
    rows = []
    for key, partition, body in (await conn.execute(_LOCK, given)).all():
        held = known[key]
        case = held[1] if body is None and held is not None else restore(body)
        rows.append(Row(key, case, partition))
    return rows


async def try_lock(conn: Connection, keys: Sequence[str]) -> dict[str, Row | None]:
    """Lock and return more rows, without waiting; None for each that there is not.

    Rows are locked in the order of their keys, so that nobody waits in a circle. Out of that order
    they are only tried.

    Raises:
        ContendedError: Somebody has one of them locked.
    """
    found: dict[str, Row | None] = dict.fromkeys(keys)
    for key, partition, body in await conn.execute(_TRY, {"keys": list(keys)}):
        if partition is None:
            raise ContendedError(frozenset(keys))
        found[key] = Row(key, restore(body), partition)
    return found


async def save(
    conn: Connection,
    cases: Mapping[str, tuple[Case, int]],
    *,
    existing: Collection[str],
    policies: PolicyTimeline,
    turn: Turn,
) -> dict[str, UUID]:
    """Write *cases*, each with its partition, and return the new token of each.

    Raises:
        StartOverError: Somebody has made a case that is not among *existing* meanwhile.
    """
    lines = {key: _line(key, case, partition, policies) for key, (case, partition) in cases.items()}
    old = [line for key, line in lines.items() if key in existing]
    new = [line for key, line in lines.items() if key not in existing]
    if old:
        await conn.execute(_UPDATE, _arrays(old, turn))
    if new:
        written = (await conn.execute(_INSERT, _arrays(new, turn))).all()
        if len(written) < len(new):
            raise StartOverError
    return {key: line[6] for key, line in lines.items()}


async def read_case(conn: Connection, key: str) -> Case | None:
    """Return the case *key*, not locked; None where there is none."""
    body = (await conn.execute(_READ, {"key": key})).scalar_one_or_none()
    return None if body is None else restore(body)


Line = tuple[str, int, int, str, int, datetime | None, UUID, str]


def _line(key: str, case: Case, partition: int, policies: PolicyTimeline) -> Line:
    due = next_due(case, policies)
    return (
        key,
        partition,
        case.version,
        case.status,
        case.tier,
        None if due is None else as_datetime(due),
        new_id(),
        dump(case).decode(),
    )


def _arrays(lines: Sequence[Line], turn: Turn) -> dict[str, object]:
    columns: dict[str, object] = dict(
        zip(_COLUMNS, map(list, zip(*lines, strict=True)), strict=True)
    )
    return columns | {"epoch": turn.epoch, "now": turn.now}
