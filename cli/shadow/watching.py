"""Both policies over the events of the running system, as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from cli.backtest.comparison import Comparison, Side
from cli.backtest.trial import OPENED, received
from cli.log_of_record import event_in
from services.escalator.core.marks import Mark, marks
from services.escalator.core.preview import proposed
from services.escalator.core.simulation import Simulation
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, Seconds, instant
from shared.policy.document import Policy, PolicyTimeline
from shared.runtime.clock import Clock
from shared.runtime.kafka import Reader

SETTLED_S: Final = 2
"""Timers fire so long after they were due, so that events that are under way come first."""

_LOOK_S: Final = 0.5


class Shadow:
    """What has been heard so far, decided twice, and how the two differ since the watch began."""

    def __init__(self, policies: PolicyTimeline, candidate: Policy, start: Instant) -> None:
        """Begin a watch.

        Args:
            policies: What the running system decides by.
            candidate: What would hold from *start* on.
            start: When the watch begins; what was before is heard, and not compared.
        """
        self.start = start
        self.heard = 0
        self.comparison = Comparison()
        self._sides: dict[Side, Simulation] = {
            "before": Simulation(policies),
            "after": Simulation(proposed(policies, candidate, start)),
        }

    def hear(self, events: Iterable[TicketEvent], until: Instant) -> None:
        """Take *events*, in the order of receipt, and let time pass up to *until*."""
        listed = sorted(events, key=received)
        self.heard += len(listed)
        for side, simulation in self._sides.items():
            found: list[Mark] = []
            for decision in simulation.run(listed, until):
                self.comparison.tickets[side] += decision.type == OPENED
                if simulation.now >= self.start:
                    found += marks(decision)
            self.comparison.take(side, found)


async def watch(
    reader: Reader,
    shadow: Shadow,
    clock: Clock,
    length: Seconds,
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Let *shadow* hear all that *reader* has, and what comes for *length* seconds of *clock*.

    Args:
        reader: The topic of events.
        shadow: Who hears.
        clock: The clock of the running system.
        length: How long, in that clock's seconds, from the start of the watch on.
        tell: Called with how many seconds of the watch are over.
    """
    backlog: list[TicketEvent] = []
    async for batch in reader.present():
        backlog += (event for record in batch if (event := event_in(record)) is not None)
    await asyncio.to_thread(shadow.hear, backlog, Instant(0))
    end = Instant(shadow.start + length)
    now = instant(clock.now())
    while now < end:
        records = await reader.more(wait_ms=int(1000 * _LOOK_S))
        now = instant(clock.now())
        events = [event for record in records if (event := event_in(record)) is not None]
        settled = Instant(min(now - SETTLED_S, end))
        await asyncio.to_thread(shadow.hear, events, settled)
        tell(min(now, end) - shadow.start)
    await asyncio.to_thread(shadow.hear, [], end)
