"""What becomes known, told to everybody who listens: one reader of the tables, many listeners.

The tables are asked by one task, however many listen. A listener has a queue; whoever does not keep
up is dropped, and comes back with the places that it has seen, from which it is told the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import structlog

from services.tracker import answers, metrics
from services.tracker.core.message import Kind
from services.tracker.core.places import Places, told
from services.tracker.replies import Heard
from services.tracker.store_reading import ReadModel, Said
from shared.contract.errors import TransientError
from shared.runtime.run import stopped_within

log = structlog.get_logger()

MOST_MISSED: Final = 5000
"""Whoever comes back having missed more than this is told to look anew instead."""

QUEUED: Final = 1000
"""Messages that a listener may be behind before it is dropped."""

_EVERY_S: Final = 0.2
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Told:
    """One message, and the places seen once it is; all who listen are told the same one.

    Attributes:
        places: For the listener to come back with.
        heard: The message; None where there is none to tell, only places.
        anew: More was missed than is told: look at everything anew.
    """

    places: Places
    heard: Heard | None = None
    anew: bool = False

    @cached_property
    def place(self) -> str:
        """The places in one word; made once, however many listen."""
        return told(self.places)

    @cached_property
    def text(self) -> str:
        """The message as JSON, empty where there is none; made once, however many listen."""
        return "{}" if self.heard is None else self.heard.model_dump_json()


@dataclass(eq=False, slots=True)
class _Listener:
    source: str | None
    queue: asyncio.Queue[Told | None] = field(default_factory=lambda: asyncio.Queue(QUEUED))
    gone: bool = False

    def wants(self, said: Said) -> bool:
        """Whether *said* is about a ticket of its source."""
        return self.source is None or said.ticket.startswith(f"{self.source}:")

    def offer(self, one: Told) -> None:
        """Put *one* into the queue; drop out where it is full."""
        if self.gone:
            return
        try:
            self.queue.put_nowait(one)
        except asyncio.QueueFull:
            metrics.STREAM_DROPPED.inc()
            self.leave()

    def leave(self) -> None:
        """End, once what is in the queue is told."""
        if self.gone:
            return
        self.gone = True
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Stream:
    """The fan-out of one process."""

    def __init__(self, model: ReadModel) -> None:
        """Describe it; nothing is read before `run`.

        Args:
            model: Where to read.
        """
        self._model = model
        self._listeners: set[_Listener] = set()
        self._places: dict[tuple[Kind, int], int] | None = None
        self._ended = False

    async def run(self, stop: asyncio.Event) -> None:
        """Tell what becomes known until *stop* is set; nothing is asked while nobody listens."""
        while not stop.is_set():
            more = False
            try:
                more = await self._look()
            except TransientError as error:
                log.debug("nothing told", why=error.reason)
            if not more:
                await stopped_within(stop, _EVERY_S)
        self._ended = True
        for listener in self._listeners:
            listener.leave()

    async def listen(self, since: Places | None, source: str | None = None) -> AsyncIterator[Told]:
        """Yield what becomes known after *since*, by default after now; first only the places.

        It ends where the listener does not keep up, and when the process drains.

        Args:
            since: The places that were seen last.
            source: Only of this helpdesk's tickets.

        Raises:
            DatabaseUnavailableError: What was missed cannot be read just now.
        """
        here = await self._here()
        if self._ended:
            return
        listener = _Listener(source)
        # Where nobody listens yet, it begins here; where somebody does, where those are.
        joined = dict(self._places or here)
        self._places = dict(joined)
        self._enter(listener)
        try:
            if since is None:
                yield Told(joined)
            else:
                async for missed in self._missed(since, joined, listener):
                    yield missed
            while (next_one := await listener.queue.get()) is not None:
                yield next_one
        finally:
            self._listeners.discard(listener)
            metrics.STREAM_LISTENERS.set(len(self._listeners))

    def _enter(self, listener: _Listener) -> None:
        self._listeners.add(listener)
        metrics.STREAM_LISTENERS.set(len(self._listeners))

    async def _missed(
        self, since: Places, joined: Places, listener: _Listener
    ) -> AsyncIterator[Told]:
        """Yield what was said after *since* and before the listener *joined*."""
        async with self._model.snapshot() as now:
            missed = await now.said_between(since, joined, MOST_MISSED + 1)
        if len(missed) > MOST_MISSED:
            yield Told(joined, anew=True)
            return
        places = dict(since)
        for said in missed:
            places[Kind(said.entry.kind), said.entry.partition] = said.entry.offset + 1
            if listener.wants(said):
                yield Told(dict(places), answers.heard(said))
        yield Told(joined)

    async def _here(self) -> Places:
        async with self._model.snapshot() as now:
            return now.freshness.places

    async def _look(self) -> bool:
        """Tell what is new; return whether there is more at once."""
        if not self._listeners or self._places is None:
            self._places = None
            return False
        async with self._model.snapshot() as now:
            there = now.freshness.places
            fresh = await now.said_between(self._places, there, _AT_ONCE)
        more = len(fresh) == _AT_ONCE
        for said in fresh:
            self._places[Kind(said.entry.kind), said.entry.partition] = said.entry.offset + 1
            one = Told(dict(self._places), answers.heard(said))
            for listener in self._listeners:
                if listener.wants(said):
                    listener.offer(one)
        if not more:
            # What was only repeated, or parked, has moved the places and says nothing.
            self._places = dict(there)
        return more
