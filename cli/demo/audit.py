"""The proof at the end of the demo: read everything back, and hold it to what was promised.

It knows nothing of how the services do it: it reads their APIs and the list of what was accepted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import httpx2

T = TypeVar("T")

_PAGE: Final = 200
_AT_ONCE: Final = 4
_SHOWN: Final = 5

Notice = tuple[str, str]
"""What is told once: the id of a decision, and a role."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise, and what was found.

    Attributes:
        promise: What should hold, one sentence without a full stop.
        checked: Of how many things it was asked.
        broken: Those of which it does not hold, the first few.
    """

    promise: str
    checked: int
    broken: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether it holds of all, and there was something to ask it of."""
        return self.checked > 0 and not self.broken


@dataclass(slots=True)
class Read:
    """What was read back.

    Attributes:
        events: How often each event's id is in the timeline of its ticket, by ticket.
        versions: The versions of each ticket's decisions, in the order of the timeline.
        due: The notices that the decisions ask for.
        states: The version at which the escalator says each ticket is.
        ledger: How many rows the notifier has for each notice.
    """

    events: dict[str, Counter[str]] = field(default_factory=dict)
    versions: dict[str, list[int]] = field(default_factory=dict)
    due: set[Notice] = field(default_factory=set)
    states: dict[str, int] = field(default_factory=dict)
    ledger: Counter[Notice] = field(default_factory=Counter)


async def read_back(tickets: Iterable[str], *, tracker: str, escalator: str, notifier: str) -> Read:
    """Return what the services at these addresses say of *tickets*.

    The escalator is asked first and the ledger last, so that each has had the time of the one
    before.
    """
    read = Read()
    gate = asyncio.Semaphore(_AT_ONCE)

    async def gated(work: Awaitable[T]) -> T:
        async with gate:
            return await work

    keys = list(tickets)
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        await asyncio.gather(*(gated(_state(client, escalator, key, read)) for key in keys))
        await asyncio.gather(*(gated(_timeline(client, tracker, key, read)) for key in keys))
        async for row in _pages(client, f"{notifier}/v1/deliveries", "deliveries", "cursor"):
            if row["purpose"] not in ("alert", "copy"):
                read.ledger[row["decision_id"], row["role"]] += 1
    return read


def verdicts(accepted: Mapping[str, Iterable[str]], read: Read) -> tuple[Verdict, ...]:
    """Return what holds of *accepted* (event ids by ticket) and what was *read* back."""
    ids = [(ticket, one) for ticket, events in accepted.items() for one in events]
    lost = [
        f"{one} of {ticket} is there {read.events.get(ticket, Counter())[one]} times"
        for ticket, one in ids
        if read.events.get(ticket, Counter())[one] != 1
    ]
    gaps = [
        f"{ticket}: versions {_runs(versions)}, the escalator is at {read.states.get(ticket)}"
        for ticket, versions in read.versions.items()
        if sorted(versions) != list(range(1, max(len(versions), read.states.get(ticket, 0)) + 1))
    ]
    told = [
        f"{role} of decision {decision}: {read.ledger[decision, role]} rows"
        for decision, role in sorted(read.due)
        if read.ledger[decision, role] != 1
    ]
    return (
        _verdict("every event that was answered 202 is in its ticket's timeline, once", ids, lost),
        _verdict(
            "every ticket's decisions have the versions 1 to n, none twice, none missing",
            read.versions,
            gaps,
        ),
        _verdict("every notice that was due has one row in the ledger", read.due, told),
    )


def _verdict(promise: str, checked: Iterable[object], broken: list[str]) -> Verdict:
    return Verdict(promise, len(list(checked)), tuple(broken[:_SHOWN]))


def _runs(versions: list[int]) -> str:
    counts = Counter(versions)
    missing = [one for one in range(1, max(versions, default=0)) if one not in counts]
    twice = [one for one, times in counts.items() if times > 1]
    return f"1 to {max(versions, default=0)}, missing {missing[:_SHOWN]}, twice {twice[:_SHOWN]}"


async def _state(client: httpx2.AsyncClient, escalator: str, key: str, read: Read) -> None:
    answer = await client.get(f"{escalator}/v1/tickets/{key}/state")
    if answer.status_code == httpx2.codes.OK:
        read.states[key] = answer.json()["version"]


async def _timeline(client: httpx2.AsyncClient, tracker: str, key: str, read: Read) -> None:
    events, versions = read.events.setdefault(key, Counter()), read.versions.setdefault(key, [])
    async for entry in _pages(
        client, f"{tracker}/v1/tickets/{key}/timeline", "items", "next_cursor"
    ):
        if entry["kind"] == "event":
            events[entry["id"]] += 1
        elif entry["kind"] == "decision":
            data = entry["data"]
            versions.append(data["version"])
            called = [one["role"] for one in data.get("notify") or ()]
            read.due |= {(entry["id"], role) for role in (*called, *(data.get("stand_down") or ()))}


async def _pages(
    client: httpx2.AsyncClient, url: str, items: str, next_page: str
) -> AsyncIterator[dict[str, Any]]:
    given: dict[str, str | int] = {"limit": _PAGE}
    while True:
        answer = await client.get(url, params=given)
        if answer.status_code == httpx2.codes.NOT_FOUND:
            return
        answer.raise_for_status()
        page = answer.json()
        for one in page[items]:
            yield one
        if page[next_page] is None:
            return
        given["cursor"] = page[next_page]
