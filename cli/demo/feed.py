"""The helpdesk of the demo: posts each recorded event when the clock reaches it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

import httpx2
from pydantic_core import to_json

from cli.history.story import Told
from shared.contract.ids import ticket_key
from shared.runtime.clock import Clock

_BATCH: Final = 100
"""Events of one request; intake takes no more."""
_TOGETHER_S: Final = 0.05
_AGAIN_S: Final = 0.5
_BATCH_TYPE: Final = {"content-type": "application/cloudevents-batch+json"}
_RETRIED: Final = frozenset({429, 503})


class RefusedEventError(Exception):
    """Intake refused an event of the history; the message has its reason."""


class Feed:
    """Posts a history to intake, in order, not before its time.

    Attributes:
        accepted: Ids of the events that intake answered with 202, by ticket.
        posted: How many those are.
        latest: The newest data of each ticket by key, as the desk has said it so far.
    """

    def __init__(self, told: Sequence[Told], intake_url: str) -> None:
        """Describe the feed.

        Args:
            told: The history, in the order of time.
            intake_url: Where intake is.
        """
        self._told = told
        self._url = f"{intake_url}/v1/events"
        self.accepted: dict[str, set[str]] = {}
        self.posted = 0
        self.latest: dict[str, dict[str, Any]] = {}

    async def run(self, clock: Clock) -> None:
        """Post everything, each event once *clock* shows its time or later.

        Raises:
            RefusedEventError: Intake does not take one; trying again would not help.
        """
        async with httpx2.AsyncClient(trust_env=False, timeout=15) as client:
            rest = list(self._told)
            while rest:
                await clock.sleep_until(rest[0].at)
                due = _due(rest[:_BATCH], clock.now())
                await self._post(client, due)
                rest = rest[len(due) :]
                await asyncio.sleep(_TOGETHER_S)

    async def _post(self, client: httpx2.AsyncClient, due: Sequence[Told]) -> None:
        body = to_json([one.body for one in due])
        while True:
            try:
                answer = await client.post(self._url, content=body, headers=_BATCH_TYPE)
            except httpx2.TransportError:
                await asyncio.sleep(_AGAIN_S)  # the same ids: a second arrival has no effect
                continue
            if answer.status_code in _RETRIED:
                await asyncio.sleep(float(answer.headers.get("retry-after") or _AGAIN_S))
                continue
            if answer.status_code != httpx2.codes.ACCEPTED:
                raise RefusedEventError(answer.text)
            break
        for one in due:
            self._note(one)

    def _note(self, one: Told) -> None:
        key = ticket_key(one.body["source"], one.body["subject"])
        self.accepted.setdefault(key, set()).add(one.body["id"])
        self.latest.setdefault(key, {}).update(one.body["data"])
        self.posted += 1


def _due(told: Sequence[Told], now: datetime) -> list[Told]:
    return list(takewhile(lambda one: one.at <= now, told))
