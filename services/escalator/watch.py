"""Keeps the gauges in step with the database, and forgets what need not be known any longer."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import text

from services.escalator import metrics
from services.escalator.store_events import forget
from shared.contract.errors import TransientError
from shared.runtime.database import Database
from shared.runtime.run import stopped_within

log = structlog.get_logger()

_EVERY_S: Final = 5.0
_FORGET_EVERY_S: Final = 600.0
_FORGET_AT_ONCE: Final = 5_000
_LOOK: Final = text(
    """
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0),
        (SELECT count(*) FROM ticket_state WHERE topic_partition >= -1 AND due_at <= clock()),
        (SELECT count(*) FROM dead_letter WHERE replayed_at IS NULL)
    FROM outbox WHERE published_at IS NULL AND dead_at IS NULL
    """
)


async def watch(database: Database, stop: asyncio.Event) -> None:
    """Set the gauges every five seconds until *stop* is set."""
    while True:
        try:
            async with database.transaction() as conn:
                waiting, age, overdue, dead = (await conn.execute(_LOOK)).one()
        except TransientError as error:
            log.debug("gauges not set", why=error.reason)
        else:
            metrics.UNPUBLISHED.set(waiting)
            metrics.UNPUBLISHED_AGE.set(float(age))
            metrics.OVERDUE.set(overdue)
            metrics.DEAD_LETTERS.set(dead)
        if await stopped_within(stop, _EVERY_S):
            return


async def forget_old_events(database: Database, age: timedelta, stop: asyncio.Event) -> None:
    """Forget events that were seen more than *age* (real) ago, until *stop* is set."""
    while True:
        forgotten = _FORGET_AT_ONCE
        try:
            while forgotten == _FORGET_AT_ONCE and not stop.is_set():
                async with database.transaction() as conn:
                    forgotten = await forget(conn, age=age, most=_FORGET_AT_ONCE)
        except TransientError as error:
            log.debug("nothing forgotten", why=error.reason)
        if await stopped_within(stop, _FORGET_EVERY_S):
            return
