"""Answers in Postgres: how an escalation stands, who was called for it, what was answered.

Every function works inside the caller's transaction; none commits.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.answering import Answer
from services.notifier.core.known import Known
from services.notifier.core.plan import Purpose
from services.notifier.store import known_from
from services.notifier.tables import answer, delivery, ticket


async def known_of(conn: AsyncConnection, key: str) -> Known | None:
    """Return the ticket *key* as far as it was heard, without locking it."""
    found = await conn.execute(select(ticket).where(ticket.c.ticket == key))
    row = found.mappings().first()
    return None if row is None else known_from(row)


async def called_for(conn: AsyncConnection, escalation: str) -> list[str]:
    """Return the roles that were called for *escalation*, the latest first."""
    found = await conn.execute(
        select(delivery.c.role)
        .where(
            delivery.c.escalation == escalation,
            delivery.c.purpose == Purpose.NOTICE,
            ~delivery.c.fyi,
        )
        .order_by(delivery.c.version.desc(), delivery.c.role)
    )
    return list(dict.fromkeys(found.scalars()))


async def keep_answer(conn: AsyncConnection, given: Answer, *, through: str) -> None:
    """Keep *given*, which intake has taken; the same one twice is kept once."""
    row = {
        "id": given.id,
        "ticket": given.seal.ticket,
        "escalation": given.seal.escalation,
        "person": given.seal.person,
        "role": given.seal.role,
        "act": str(given.act),
        "through": through,
        "at": given.at,
    }
    await conn.execute(insert(answer).on_conflict_do_nothing(), row)
