"""The client for programs without an event loop: the same calls, each waits for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from typing_extensions import Unpack

from tierline.client.answers import ActReceipt, Fate, Receipt
from tierline.client.client import Client, Event
from tierline.client.errors import Problem
from tierline.client.listening import Told
from tierline.client.replies import (
    Board,
    Draft,
    Explanation,
    Filters,
    Group,
    Plan,
    Stats,
    Ticket,
    TicketNow,
    TimelineEntry,
)

T = TypeVar("T")


class BlockingClient:
    """What `Client` does, for one thread; use it in a `with` statement."""

    def __init__(
        self,
        intake: str,
        *,
        key: str | Callable[[], str] | None = None,
        tracker: str | None = None,
        deadline_s: float = 30.0,
    ) -> None:
        """Connect to nothing yet; the arguments are those of `Client`."""
        self._client = Client(intake, key=key, tracker=tracker, deadline_s=deadline_s)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        """Give the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._runner.run(self._client.close())
        self._runner.close()

    def send(self, event: Event) -> Receipt:
        """Do what `Client.send` does."""
        return self._runner.run(self._client.send(event))

    def send_all(self, events: Iterable[Event]) -> list[Receipt | Problem]:
        """Do what `Client.send_all` does."""
        return self._runner.run(self._client.send_all(events))

    def act(self, ticket: str, act: str, /, **said: Any) -> ActReceipt:
        """Do what `Client.act` does."""
        return self._runner.run(self._client.act(ticket, act, **said))

    def fate(self, act: ActReceipt | str, *, within_s: float = 5.0) -> Fate:
        """Do what `Client.fate` does."""
        return self._runner.run(self._client.fate(act, within_s=within_s))

    def ticket(
        self, ticket: str, *, after: Receipt | None = None, as_of: str | None = None
    ) -> TicketNow:
        """Do what `Client.ticket` does."""
        return self._runner.run(self._client.ticket(ticket, after=after, as_of=as_of))

    def tickets(self, **which: Unpack[Filters]) -> Iterator[Ticket]:
        """Yield what `Client.tickets` yields."""
        return self._each(self._client.tickets(**which))

    def timeline(self, ticket: str, *, as_of: str | None = None) -> Iterator[TimelineEntry]:
        """Yield what `Client.timeline` yields."""
        return self._each(self._client.timeline(ticket, as_of=as_of))

    def drafts(self, ticket: str, *, by: str | None = None) -> Sequence[Draft]:
        """Do what `Client.drafts` does."""
        return self._runner.run(self._client.drafts(ticket, by=by))

    def explain(self, ticket: str, *, as_of: str | None = None) -> Explanation:
        """Do what `Client.explain` does."""
        return self._runner.run(self._client.explain(ticket, as_of=as_of))

    def plan(self, ticket: str, *, as_of: str | None = None) -> Plan:
        """Do what `Client.plan` does."""
        return self._runner.run(self._client.plan(ticket, as_of=as_of))

    def board(self, *, per_tier: int = 20, as_of: str | None = None) -> Board:
        """Do what `Client.board` does."""
        return self._runner.run(self._client.board(per_tier=per_tier, as_of=as_of))

    def groups(self, *, only_open: bool = False) -> Iterator[Group]:
        """Yield what `Client.groups` yields."""
        return self._each(self._client.groups(only_open=only_open))

    def stats(self) -> Stats:
        """Do what `Client.stats` does."""
        return self._runner.run(self._client.stats())

    def listen(self, since: str | None = None) -> Iterator[Told]:
        """Yield what `Client.listen` yields."""
        return self._each(self._client.listen(since))

    def _each(self, found: AsyncIterator[T]) -> Iterator[T]:
        while True:
            try:
                # The built-in gives an awaitable, and a runner wants a coroutine.
                one = self._runner.run(_next(found))
            except StopAsyncIteration:
                return
            yield one


async def _next(found: AsyncIterator[T]) -> T:
    return await anext(found)
