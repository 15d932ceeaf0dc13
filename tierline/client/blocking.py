"""The client for programs without an event loop: the same calls, each waits for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from tierline.client.answers import ActReceipt, Fate, Receipt
from tierline.client.client import Client, Event
from tierline.client.errors import Problem


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

    def ticket(self, ticket: str, *, after: Receipt | None = None) -> Mapping[str, Any]:
        """Do what `Client.ticket` does."""
        return self._runner.run(self._client.ticket(ticket, after=after))

    def timeline(self, ticket: str) -> list[Mapping[str, Any]]:
        """Return all that `Client.timeline` yields."""

        async def whole() -> list[Mapping[str, Any]]:
            return [entry async for entry in self._client.timeline(ticket)]

        return self._runner.run(whole())

    def drafts(self, ticket: str, *, by: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Do what `Client.drafts` does."""
        return self._runner.run(self._client.drafts(ticket, by=by))
