"""Keeps the gauges in step with the read model."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from services.tracker import metrics
from services.tracker.desk import Desk
from shared.contract.errors import TransientError
from shared.runtime.run import stopped_within

log = structlog.get_logger()

_EVERY_S: Final = 5.0


async def watch(desk: Desk, stop: asyncio.Event) -> None:
    """Set the gauges every five seconds until *stop* is set."""
    while True:
        try:
            stats, _ = await desk.stats()
        except TransientError as error:
            log.debug("gauges not set", why=error.reason)
        else:
            metrics.GAPS.set(stats.tickets_with_gaps)
            metrics.DEAD_LETTERS.set(stats.dead_letters)
            for tier, n in stats.tickets.by_tier.items():
                metrics.TICKETS.labels(tier).set(n)
        if await stopped_within(stop, _EVERY_S):
            return
