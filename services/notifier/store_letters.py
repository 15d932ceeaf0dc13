"""Dead letters in Postgres: notices that were given up, records that nobody could read.

Every function works inside the caller's transaction; none commits.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.roster import Roster
from services.notifier.store import Now
from services.notifier.store_ledger import open_gates, way
from services.notifier.tables import dead_letter, decision, delivery, operator_act

_REVIVE: Final = text(
    """
    UPDATE delivery SET state = 'planned', person = :person, ways = :ways, way = 0, rounds = 0,
        channel = :channel, address = :address, target = :target, gate = :gate, reason = NULL,
        last_error = NULL, finished_at = NULL, next_at = :real, first_attempt_at = NULL
    WHERE id = :id
    """
)
_REOPEN: Final = text(
    "UPDATE gate SET gone = false, failures = 0, open_until = NULL, pause = NULL WHERE gate = :gate"
)


async def lock_dead(
    conn: AsyncConnection, key: Any
) -> tuple[Mapping[Any, Any], Mapping[Any, Any]] | None:
    """Return the dead delivery *key*, locked, and its decision; None if it is not dead."""
    found = await conn.execute(
        select(delivery).where(delivery.c.id == key, delivery.c.state == "dead").with_for_update()
    )
    row = found.mappings().one_or_none()
    if row is None:
        return None
    cause = await conn.execute(select(decision).where(decision.c.id == row["decision_id"]))
    return row, cause.mappings().one()


async def revive(
    conn: AsyncConnection,
    row: Mapping[Any, Any],
    person: str | None,
    ways: Sequence[str],
    roster: Roster,
    moment: Now,
) -> None:
    """Have the dead delivery *row* sent again, under its id, to *person* by *ways*.

    The gate that it goes through first is opened: whoever replays knows that it may be tried.
    """
    columns = way(ways[0], person, roster)
    await open_gates(conn, [columns], moment)
    await conn.execute(_REOPEN, {"gate": columns["gate"]})
    given = {"id": row["id"], "person": person, "ways": list(ways), "real": moment.real}
    await conn.execute(_REVIVE, {**given, **columns})


async def discard(conn: AsyncConnection, row: Mapping[Any, Any]) -> None:
    """Have the dead delivery *row* stay unsent for good."""
    await conn.execute(update(delivery).where(delivery.c.id == row["id"]).values(state="discarded"))


async def lock_record(conn: AsyncConnection, number: int) -> Mapping[Any, Any] | None:
    """Return the unreadable record *number*, locked; None if it is not there or settled."""
    found = await conn.execute(
        select(dead_letter)
        .where(dead_letter.c.id == number, dead_letter.c.settled.is_(None))
        .with_for_update()
    )
    return found.mappings().one_or_none()


async def settle_record(conn: AsyncConnection, number: int, how: str) -> None:
    """Note that the unreadable record *number* was ``replayed`` or ``discarded``."""
    await conn.execute(update(dead_letter).where(dead_letter.c.id == number).values(settled=how))


async def record_of(conn: AsyncConnection, number: int) -> Mapping[Any, Any] | None:
    """Return the unreadable record *number*, settled or not."""
    found = await conn.execute(select(dead_letter).where(dead_letter.c.id == number))
    return found.mappings().one_or_none()


async def unsettled_records(
    conn: AsyncConnection, *, why: str | None, below: int | None, limit: int
) -> Sequence[Mapping[Any, Any]]:
    """Return records that nobody could read nor has dealt with, newest first.

    *why* leaves those that were parked for this reason.
    """
    query = select(dead_letter).where(dead_letter.c.settled.is_(None))
    if why is not None:
        query = query.where(dead_letter.c.error_class == why)
    if below is not None:
        query = query.where(dead_letter.c.id < below)
    return (
        (await conn.execute(query.order_by(dead_letter.c.id.desc()).limit(limit))).mappings().all()
    )


async def note_act(
    conn: AsyncConnection, letter: str, act: str, *, actor: str, reason: str, moment: Now
) -> None:
    """Write down for ever that *actor* did *act* (``replayed``, ``discarded``) to *letter*."""
    row = {"letter": letter, "act": act, "actor": actor, "reason": reason, "at": moment.real}
    await conn.execute(insert(operator_act), [row])


async def acts_on(
    conn: AsyncConnection, letters: Sequence[str]
) -> Mapping[str, Sequence[Mapping[Any, Any]]]:
    """Return what operators did to *letters*, in order."""
    query = select(operator_act).where(operator_act.c.letter.in_(letters))
    found: dict[str, list[Mapping[Any, Any]]] = {}
    for row in (await conn.execute(query.order_by(operator_act.c.id))).mappings():
        found.setdefault(row["letter"], []).append(row)
    return found
