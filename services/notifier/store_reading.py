"""Looking at the ledger: for the API, for the metrics, and for the check that it adds up."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.flow import Breaker
from services.notifier.core.retry import GIVE_UP, GIVE_UP_DEFAULT
from services.notifier.store import now
from services.notifier.store_gates import gate_from
from services.notifier.store_ledger import UNCOUNTED, UNFINISHED
from services.notifier.tables import attempt, dead_letter, decision, delivery, early, gate, outbox


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first, and where the next page begins (None: there is none)."""

    rows: Sequence[Mapping[Any, Any]]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """The ledger in numbers."""

    deliveries: Mapping[tuple[str, str], int]
    dead_notices: int
    dead_records: int
    breakers: Mapping[Breaker, int]
    gaps: int
    faults: int
    unpublished: int


class BadCursorError(ValueError):
    """A cursor that no page of ours ended with."""


async def deliveries(
    conn: AsyncConnection,
    *,
    ticket: str | None = None,
    state: str | None = None,
    why: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """Return a page of the ledger, the newest first.

    Args:
        conn: The caller's transaction.
        ticket: Only this ticket's key.
        state: Only deliveries in this state.
        why: Only those that were given up for this reason.
        cursor: Where the page before ended.
        limit: Rows of a page.

    Raises:
        BadCursorError: If *cursor* is none of ours.
    """
    query = select(delivery).order_by(delivery.c.planned_at.desc(), delivery.c.id.desc())
    if ticket is not None:
        query = query.where(delivery.c.ticket == ticket)
    if state is not None:
        query = query.where(delivery.c.state == state)
    if why is not None:
        query = query.where(delivery.c.reason == why)
    if cursor is not None:
        query = query.where(tuple_(delivery.c.planned_at, delivery.c.id) < _read(cursor))
    rows = (await conn.execute(query.limit(limit + 1))).mappings().all()
    more = len(rows) > limit
    return Page(rows[:limit], _cursor(rows[limit - 1]) if more else None)


def _cursor(row: Mapping[Any, Any]) -> str:
    text = f"{row['planned_at'].isoformat()}|{row['id']}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, _, key = base64.urlsafe_b64decode(cursor).decode().partition("|")
        return datetime.fromisoformat(at), UUID(key)
    except (binascii.Error, ValueError) as error:
        raise BadCursorError(cursor) from error


async def delivery_of(conn: AsyncConnection, key: UUID) -> Mapping[Any, Any] | None:
    """Return the delivery *key*; None if there is none."""
    found = await conn.execute(select(delivery).where(delivery.c.id == key))
    return found.mappings().one_or_none()


async def decision_of(conn: AsyncConnection, key: UUID) -> Mapping[Any, Any]:
    """Return the decision *key*, which a delivery names."""
    return (await conn.execute(select(decision).where(decision.c.id == key))).mappings().one()


async def attempts_of(
    conn: AsyncConnection, ids: Sequence[UUID]
) -> Mapping[UUID, Sequence[Mapping[Any, Any]]]:
    """Return every attempt of the deliveries *ids*, in order."""
    query = select(attempt).where(attempt.c.delivery_id.in_(ids)).order_by(attempt.c.attempt)
    found: dict[UUID, list[Mapping[Any, Any]]] = {}
    for row in (await conn.execute(query)).mappings():
        found.setdefault(row["delivery_id"], []).append(row)
    return found


async def health(conn: AsyncConnection, *, since: datetime) -> Health:
    """Return the ledger in numbers; what was planned after *since* is held against what was asked."""
    moment = await now(conn)
    counted = await conn.execute(
        select(delivery.c.channel, delivery.c.state, func.count())
        .where(delivery.c.state.in_(UNFINISHED))
        .group_by(delivery.c.channel, delivery.c.state)
    )
    breakers = dict.fromkeys(Breaker, 0)
    for row in (await conn.execute(select(gate).where(~gate.c.gate.like("to:%")))).mappings():
        breakers[gate_from(row).breaker(moment.real)] += 1
    gaps = await conn.execute(select(func.count(func.distinct(early.c.ticket))))
    waiting = await conn.execute(
        select(func.count())
        .select_from(outbox)
        .where(outbox.c.published_at.is_(None), outbox.c.dead_at.is_(None))
    )
    notices = await conn.execute(
        select(func.count()).select_from(delivery).where(delivery.c.state == "dead")
    )
    records = await conn.execute(
        select(func.count()).select_from(dead_letter).where(dead_letter.c.settled.is_(None))
    )
    return Health(
        deliveries={(row[0], row[1]): row[2] for row in counted},
        dead_notices=notices.scalar_one(),
        dead_records=records.scalar_one(),
        breakers=breakers,
        gaps=gaps.scalar_one(),
        faults=await _uneven(conn, since) + await _forgotten(conn),
        unpublished=waiting.scalar_one(),
    )


async def _uneven(conn: AsyncConnection, since: datetime) -> int:
    """Count decisions since *since* that have not exactly the deliveries that were planned.

    What may follow a decision much later is no part of the sum (`UNCOUNTED`).
    """
    asked = (
        select(decision.c.id, decision.c.rows).where(decision.c.planned_at >= since).cte("asked")
    )
    uneven = (
        select(asked.c.id)
        .outerjoin(
            delivery,
            and_(delivery.c.decision_id == asked.c.id, delivery.c.purpose.not_in(UNCOUNTED)),
        )
        .group_by(asked.c.id, asked.c.rows)
        .having(func.count(delivery.c.id) != asked.c.rows)
        .subquery()
    )
    return int((await conn.execute(select(func.count()).select_from(uneven))).scalar_one())


async def _forgotten(conn: AsyncConnection) -> int:
    """Count deliveries that are unfinished long past their give-up age."""
    # Twice the age: a notice also waits its turn behind others of its ticket.
    limit = case(
        *((delivery.c.priority == priority, 2 * age) for priority, age in GIVE_UP.items()),
        else_=2 * GIVE_UP_DEFAULT,
    )
    forgotten = select(func.count()).where(
        delivery.c.state.in_(UNFINISHED),
        delivery.c.first_attempt_at < func.clock_timestamp() - limit,
    )
    return int((await conn.execute(forgotten)).scalar_one())
