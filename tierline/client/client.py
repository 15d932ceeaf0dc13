"""The client: events and acts to intake, questions to the tracker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx2
from typing_extensions import Unpack

from shared.runtime.clock import monotonic, new_id
from tierline.client.answers import ActReceipt, Fate, Receipt, act_receipt, fate, receipt
from tierline.client.asking import Asked, ask
from tierline.client.errors import AnswerError, Problem, RefusedError, problem_in
from tierline.client.listening import Told, hear
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

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
MOST_EVENTS: Final = 100
"""Events of one batch."""
MOST_BYTES: Final = 500_000
"""Bytes of one batch."""

_PAGE: Final = 200
_LOOK_S: Final = 0.2
_NOT_YET: Final = "unknown_act"

T = TypeVar("T")
Event = Mapping[str, Any]
"""One event: `type`, `subject` and `data`; `source`, `id` and `time` as far as they are known."""


class Client:
    """A client of one installation.

    What is sent is sent again until it is confirmed or the deadline is over, always under the same
    id: however often that is, it counts once.
    """

    def __init__(
        self,
        intake: str,
        *,
        key: str | Callable[[], str] | None = None,
        tracker: str | None = None,
        deadline_s: float = 30.0,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            intake: Where intake is, `https://…`.
            key: The API key, or a function that returns the token of the moment.
            tracker: Where the tracker is; needed for questions alone.
            deadline_s: Real seconds that one call may take, repeats and pauses included.
            http: What requests are made with, where yours knows proxies or authorities; it stays
                open.
        """
        self._intake = intake.rstrip("/")
        self._tracker = None if tracker is None else tracker.rstrip("/")
        self._key = key
        self._deadline_s = deadline_s
        self._http = http or httpx2.AsyncClient(follow_redirects=False)
        self._is_ours = http is None

    async def __aenter__(self) -> Self:
        """Give the client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._is_ours:
            await self._http.aclose()

    async def send(self, event: Event) -> Receipt:
        """Send one event, and return once every in-sync replica has it.

        Raises:
            RefusedError: It is no event of the contract, or not yours to send.
            GaveUpError: It was not confirmed in time.
        """
        whole = _whole(event)
        told = await self._ask(
            Asked(
                "POST",
                f"{self._intake}/v1/events",
                _packed(whole),
                STRUCTURED,
                self._headers(),
                ids=[whole["id"]],
            )
        )
        return _read(receipt, told)

    async def send_all(self, events: Iterable[Event]) -> list[Receipt | Problem]:
        """Send many events in batches, and return what was answered to each, in their order.

        An event that is refused keeps no other back.

        Raises:
            RefusedError: A batch as a whole was refused, such as by an unknown key.
            GaveUpError: A batch was not confirmed in time; those before it were.
        """
        found: list[Receipt | Problem] = []
        for batch in _batches([_whole(one) for one in events]):
            told = await self._ask(
                Asked(
                    "POST",
                    f"{self._intake}/v1/events",
                    _packed(batch),
                    BATCH,
                    self._headers(),
                    ids=[one["id"] for one in batch],
                )
            )
            found += [_item(one) for one in told]
        return found

    async def act(self, ticket: str, act: str, /, **said: Any) -> ActReceipt:
        """Do something to a ticket, and return once it is in the log.

        Whether it is accepted is decided there: `fate` says.

        Args:
            ticket: The ticket's key, `source:ticket`.
            act: The act, such as `escalation.acknowledged`.
            said: The keys of the act; `id` and `time` may be among them.

        Raises:
            RefusedError: It would be refused; the problem says what is missing or who may.
            GaveUpError: It was not confirmed in time.
        """
        act_id = said.get("id") or f"act-{new_id()}"
        told = await self._ask(
            Asked(
                "POST",
                f"{self._intake}/v1/tickets/{quote(ticket, safe='')}/acts",
                _packed({"type": act, **said, "id": act_id}),
                headers=self._headers(),
                ids=[act_id],
            )
        )
        return _read(act_receipt, told)

    async def fate(self, act: ActReceipt | str, *, within_s: float = 5.0) -> Fate:
        """Return what became of *act*, once the escalator has said, or after *within_s* seconds.

        Raises:
            RefusedError: Nothing is known of it by then.
            GaveUpError: The tracker does not answer in time.
        """
        named = act if isinstance(act, str) else act.id
        path = f"acts/{quote(named, safe='')}"
        end = monotonic() + within_s
        while True:
            try:
                found = _read(fate, await self._read_json(path))
            except RefusedError as error:
                if error.problem.code != _NOT_YET or monotonic() >= end:
                    raise
            else:
                if found.state != "recorded" or monotonic() >= end:
                    return found
            await asyncio.sleep(_LOOK_S)

    async def ticket(
        self, ticket: str, *, after: Receipt | None = None, as_of: str | None = None
    ) -> TicketNow:
        """Return how *ticket* stands now, or how it stood at *as_of* as known then.

        Args:
            ticket: Its key, `source:ticket`.
            after: What has to be in the answer; it is waited for.
            as_of: A moment, RFC 3339.

        Raises:
            RefusedError: Nothing is known of it.
            GaveUpError: The tracker does not answer in time, or *after* is not there yet.
        """
        query = _query(as_of=as_of)
        if after is not None:
            query |= {"after": after.position, "wait_ms": 2000}
        found: TicketNow = await self._read_json(_path(ticket), query)
        return found

    async def tickets(self, **which: Unpack[Filters]) -> AsyncIterator[Ticket]:
        """Yield the tickets that the filters let through, page by page; nearest to a breach first.

        Raises:
            RefusedError: A filter cannot be asked.
            GaveUpError: The tracker does not answer in time.
        """
        query = _query(**which)
        async for one in self._pages("tickets", query):
            yield one

    async def timeline(
        self, ticket: str, *, as_of: str | None = None
    ) -> AsyncIterator[TimelineEntry]:
        """Yield what happened on *ticket*, the oldest first, page by page.

        Raises:
            RefusedError: Nothing is known of it.
            GaveUpError: The tracker does not answer in time.
        """
        async for one in self._pages(f"{_path(ticket)}/timeline", _query(as_of=as_of)):
            yield one

    async def drafts(self, ticket: str, *, by: str | None = None) -> Sequence[Draft]:
        """Return the forms on *ticket* that were refused for what they lacked, to be completed.

        Raises:
            GaveUpError: The tracker does not answer in time.
        """
        page = await self._read_json(f"{_path(ticket)}/drafts", _query(by=by))
        found: Sequence[Draft] = page["items"]
        return found

    async def explain(self, ticket: str, *, as_of: str | None = None) -> Explanation:
        """Return why *ticket* stands as it does, what comes next, and what would have prevented it.

        Raises:
            RefusedError: Nothing is known of it.
            GaveUpError: Tracker or escalator does not answer in time.
        """
        found: Explanation = await self._read_json(f"{_path(ticket)}/explain", _query(as_of=as_of))
        return found

    async def plan(self, ticket: str, *, as_of: str | None = None) -> Plan:
        """Return what will happen to *ticket*, to whom and when, if nothing else is heard.

        Raises:
            RefusedError: Nothing is known of it.
            GaveUpError: Tracker or escalator does not answer in time.
        """
        found: Plan = await self._read_json(f"{_path(ticket)}/plan", _query(as_of=as_of))
        return found

    async def board(self, *, per_tier: int = 20, as_of: str | None = None) -> Board:
        """Return, per tier, the open tickets that are nearest to a breach.

        Raises:
            GaveUpError: The tracker does not answer in time.
        """
        found: Board = await self._read_json("board", _query(per_tier=per_tier, as_of=as_of))
        return found

    async def groups(self, *, only_open: bool = False) -> AsyncIterator[Group]:
        """Yield the groups of tickets with one cause, the newest first.

        Raises:
            GaveUpError: The tracker does not answer in time.
        """
        async for one in self._pages("groups", _query(open=only_open or None)):
            yield one

    async def stats(self) -> Stats:
        """Return what the whole installation has done.

        Raises:
            RefusedError: The key sees one helpdesk alone.
            GaveUpError: The tracker does not answer in time.
        """
        found: Stats = await self._read_json("stats")
        return found

    async def listen(self, since: str | None = None) -> AsyncIterator[Told]:
        """Yield what becomes known, as it does; after a break, what was missed first.

        It ends only with an error. What is told may be told again after a break.

        Args:
            since: The `place` that was heard last; None to hear what comes from now on.

        Raises:
            RefusedError: The key may not listen, or *since* is no place.
            GaveUpError: The tracker was away for longer than the deadline.
        """
        url, within_s = self._of_tracker("stream"), self._deadline_s
        async for one in hear(self._http, url, self._headers, since, within_s=within_s):
            yield one

    async def _pages(self, path: str, query: dict[str, Any]) -> AsyncIterator[Any]:
        cursor: str | None = None
        while True:
            page = await self._read_json(path, {"limit": _PAGE, **query, **_query(cursor=cursor)})
            for one in page["items"]:
                yield one
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def _read_json(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        url = self._of_tracker(path)
        return await self._ask(Asked("GET", url, headers=self._headers(), query=query))

    def _of_tracker(self, path: str) -> str:
        if self._tracker is None:
            msg = "this client does not know where the tracker is: give it as tracker="
            raise AnswerError(msg)
        return f"{self._tracker}/v1/{path}"

    async def _ask(self, asked: Asked) -> Any:
        return await ask(self._http, asked, within_s=self._deadline_s)

    def _headers(self) -> dict[str, str]:
        key = self._key() if callable(self._key) else self._key
        return {} if key is None else {"authorization": f"Bearer {key}"}


def _path(ticket: str) -> str:
    return f"tickets/{quote(ticket, safe='')}"


def _query(**given: Any) -> dict[str, Any]:
    """Return what is asked, as it stands in an address: nothing of what is None."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in given.items()
        if value is not None
    }


def _whole(event: Event) -> dict[str, Any]:
    whole = {"specversion": "1.0", **event}
    if not whole.get("id"):
        # Made here and not there, so that what is sent again is the same event.
        whole["id"] = str(new_id())
    return whole


def _packed(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _batches(events: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for event in events:
        own = len(_packed(event)) + 1
        if batch and (len(batch) == MOST_EVENTS or size + own > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += own
    if batch:
        yield batch


def _item(told: Mapping[str, Any]) -> Receipt | Problem:
    if "problem" in told:
        problem = problem_in(told.get("status", 0), told["problem"])
        if problem is not None:
            return problem
    return _read(receipt, told)


def _read(kind: Callable[[Mapping[str, Any]], T], told: Any) -> T:
    try:
        return kind(told)
    except (KeyError, TypeError) as error:
        msg = f"the answer is not as this client knows it: {error!r}"
        raise AnswerError(msg) from error
