"""One run of the demo, from an empty folder to the proof."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx2

from cli.demo.audit import read_back, verdicts
from cli.demo.feed import Feed
from cli.demo.figures import Figures, read_figures
from cli.demo.people import People
from cli.demo.screen import Moment, Screen
from cli.demo.summary import Summary, desk_verdict
from cli.history.story import Told
from cli.mail_sink import MailSink
from cli.stack import Stack
from shared.runtime.clock import Clock, monotonic

# The clock comes to the first event when the services are likely to be ready: they take some
# seconds, and more on a machine that has been slow so far.
_LEAST_LEAD_S: Final = 5.0
_LEAD_SHARE: Final = 0.6
_LOOK_S: Final = 0.5
_STILL_FOR_S: Final = 3.0
_SETTLED_WITHIN_S: Final = 120.0
_PROVEN_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Script:
    """What is played.

    Attributes:
        told: The history, in the order of time.
        days: How long the history runs before the proof, virtual.
        speed: Virtual seconds in a real one, until the proof.
    """

    told: tuple[Told, ...]
    days: timedelta
    speed: float


class Run:
    """A stack with a helpdesk, people, and somebody who watches.

    Attributes:
        clock: The time that the services have now.
    """

    def __init__(self, script: Script, stack: Stack, sink: MailSink, people: People) -> None:
        """Bring the parts together.

        Args:
            script: What is played.
            stack: Servers that run, on empty data; the services are started here.
            sink: Where mail goes; it must be given to the stack's notifier.
            people: Who answers it.
        """
        self._script = script
        self._stack = stack
        self._sink = sink
        self._people = people
        self._figures = Figures()
        self.clock = Clock()

    async def start(self, so_far_s: float) -> None:
        """Start the services, on a clock that comes to the history's first moment after that.

        Args:
            so_far_s: How long the servers took to start, real seconds.

        Raises:
            EmbeddedError: A service does not start.
        """
        first, speed = self._script.told[0].at, self._script.speed
        lead = timedelta(seconds=max(_LEAST_LEAD_S, so_far_s * _LEAD_SHARE) * speed)
        self.clock = Clock.starting(first - lead, speed=speed)
        await self._stack.serve(self.clock)

    async def play(self, screen: Screen) -> Feed:
        """Play the history, showing how it goes; then let time run as the world's does.

        Raises:
            RefusedEventError: Intake does not take an event of the history.
            EmbeddedError: A service does not start.
        """
        stack, clock = self._stack, self.clock
        feed = Feed(self._script.told, stack.url("intake"))
        await _first_of(
            self._post(feed, clock),
            self._watch(feed, clock, screen),
            self._people.run(stack.url("tracker"), stack.url("intake")),
            stack.until_broken(),
        )
        await stack.stop_services()
        # Whoever looks around finds the week's end as it was, and not another month gone by.
        self.clock = Clock.starting(clock.now(), speed=1.0)
        await stack.serve(self.clock)
        return feed

    async def prove(self, feed: Feed) -> Summary:
        """Read everything back and hold it to what was accepted."""
        stack = self._stack
        give_up_at = monotonic() + _PROVEN_WITHIN_S
        while True:
            read = await read_back(
                feed.accepted,
                tracker=stack.url("tracker"),
                escalator=stack.url("escalator"),
                notifier=stack.url("notifier"),
            )
            found = verdicts(feed.accepted, read)
            # What was on its way when the services were started anew may still be arriving.
            if all(one.held for one in found) or monotonic() > give_up_at:
                break
            await asyncio.sleep(_STILL_FOR_S)
        async with httpx2.AsyncClient(trust_env=False, timeout=15) as client:
            figures = await read_figures(client, stack.url("tracker")) or self._figures
        return Summary(
            figures, desk_verdict(feed), self._sink.taken, self._people.acknowledgements, found
        )

    async def _post(self, feed: Feed, clock: Clock) -> None:
        await feed.run(clock)
        await clock.sleep_until(self._script.told[0].at + self._script.days)
        await self._until_still(feed)

    async def _watch(self, feed: Feed, clock: Clock, screen: Screen) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            while True:
                figures = await read_figures(client, self._stack.url("tracker"))
                self._figures = figures or self._figures
                screen.show(
                    Moment(
                        clock.now(),
                        feed.posted,
                        len(self._script.told),
                        self._sink.taken,
                        self._people.acknowledgements,
                        self._figures,
                    )
                )
                await asyncio.sleep(_LOOK_S)

    async def _until_still(self, feed: Feed) -> None:
        """Wait until every posted event is in the read model."""
        give_up_at = monotonic() + _SETTLED_WITHIN_S
        while self._figures.events < feed.posted and monotonic() < give_up_at:  # noqa: ASYNC110  in a server
            await asyncio.sleep(_LOOK_S)


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Run *works* together until one ends, and end the others; raise what it raised."""
    tasks = {asyncio.create_task(work) for work in works}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()
