"""Looks at the ledger now and then and says in numbers how it stands."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from services.notifier import metrics
from services.notifier.store import now
from services.notifier.store_reading import Health, health
from shared.contract.errors import TransientError
from shared.runtime.database import Database
from shared.runtime.run import stopped_within

log = structlog.get_logger()

EVERY_S: Final = 15.0
WINDOW: Final = timedelta(minutes=10)
"""How far back, in real time, plans are held against the ledger at each look."""


async def watch(database: Database, speed: float, stop: asyncio.Event) -> None:
    """Keep the gauges up to date until *stop*; say it loudly when the ledger does not add up.

    Args:
        database: Where the ledger is.
        speed: How fast the schema's clock runs.
        stop: Set it to have it end.
    """
    while True:
        try:
            async with database.transaction() as conn:
                since = (await now(conn)).virtual - WINDOW * speed
                _show(await health(conn, since=since))
        except TransientError as error:
            log.warning("no look at the ledger", why=error.reason)
        if await stopped_within(stop, EVERY_S):
            return


def _show(found: Health) -> None:
    metrics.DELIVERIES.clear()
    for (channel, state), count in found.deliveries.items():
        metrics.DELIVERIES.labels(channel, state).set(count)
    metrics.DEAD_LETTERS.labels("notice").set(found.dead_notices)
    metrics.DEAD_LETTERS.labels("record").set(found.dead_records)
    for breaker, count in found.breakers.items():
        metrics.BREAKERS.labels(breaker).set(count)
    metrics.GAPS.set(found.gaps)
    metrics.LEDGER_FAULTS.set(found.faults)
    metrics.UNPUBLISHED.set(found.unpublished)
    if found.faults:
        log.error("the ledger does not add up", count=found.faults)
    if found.gaps:
        log.warning("tickets wait for a missing version", count=found.gaps)
