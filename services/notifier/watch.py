"""Looks at the ledger now and then and says in numbers how it stands."""

import asyncio
import contextlib
from typing import Final

import structlog

from services.notifier import metrics
from services.notifier.store_reading import Health, health
from shared.runtime.database import Database

log = structlog.get_logger()

EVERY: Final = 15.0
"""Real seconds between looks."""


async def watch(database: Database, stop: asyncio.Event) -> None:
    """Keep the gauges up to date until *stop*; say it loudly when the ledger does not add up."""
    while not stop.is_set():
        async with database.transaction() as conn:
            found = await health(conn)
        _show(found)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY)


def _show(found: Health) -> None:
    metrics.DELIVERIES.clear()
    for (channel, state), count in found.deliveries.items():
        metrics.DELIVERIES.labels(channel, state).set(count)
    for breaker, count in found.breakers.items():
        metrics.BREAKERS.labels(breaker).set(count)
    metrics.GAPS.set(found.gaps)
    metrics.LEDGER_FAULTS.set(found.faults)
    metrics.UNPUBLISHED.set(found.unpublished)
    if found.faults:
        log.error("the ledger does not add up", count=found.faults)
    if found.gaps:
        log.warning("tickets wait for a missing version", count=found.gaps)
