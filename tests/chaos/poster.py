"""Reports a story to intake, each event until it is accepted, and remembers where each lies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2

from shared.contract.times import instant, rfc3339
from shared.runtime.clock import Clock, monotonic
from shared.runtime.run import stopped_within
from tests.chaos.story import SOURCE, Act

_AT_ONCE: Final = 16
_PATIENCE_S: Final = 8.0
_PAUSE_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Accepted:
    """A report that intake answered with 202: what was sent, and where it says that it lies."""

    id: str
    sent: bytes
    partition: int
    offset: int


@dataclass
class Poster:
    """Posts acts to the intake at *url*; those of one ticket one after the other.

    Attributes:
        url: Where intake is.
        clock: The run's clock, for when things happened.
        accepted: Every 202, a repeated act's too.
        tried_again: How many posts were not accepted and had to be made again.
        refused: Answers that no second try would change; there must be none.
    """

    url: str
    clock: Clock
    accepted: list[Accepted] = field(default_factory=list)
    tried_again: int = 0
    refused: list[str] = field(default_factory=list)
    _bodies: dict[str, bytes] = field(default_factory=dict)
    _last: dict[str, datetime] = field(default_factory=dict)

    async def post(
        self, lives: Sequence[Sequence[Act]], *, began: float, enough: asyncio.Event
    ) -> None:
        """Post *lives* until there is *enough*; what is under way then goes on until accepted.

        Args:
            lives: The acts of each ticket, in order.
            began: The monotonic moment that the acts' times count from.
            enough: Set when nothing new is to be reported.
        """
        gate = asyncio.Semaphore(_AT_ONCE)
        async with httpx2.AsyncClient(timeout=_PATIENCE_S, trust_env=False) as client:

            async def live(acts: Sequence[Act]) -> None:
                for act in acts:
                    if await stopped_within(enough, max(0.0, began + act.at_s - monotonic())):
                        return
                    async with gate:
                        await self._post(client, act)

            await asyncio.gather(*(live(acts) for acts in lives))

    async def _post(self, client: httpx2.AsyncClient, act: Act) -> None:
        if act.id not in self._bodies:
            self._bodies[act.id] = self._body(act)
        body = self._bodies[act.id]
        while True:
            try:
                answer = await client.post(
                    f"{self.url}/v1/events",
                    content=body,
                    headers={"content-type": "application/cloudevents+json"},
                )
            except httpx2.HTTPError:
                answer = None
            if answer is not None and answer.status_code == httpx2.codes.ACCEPTED:
                told = answer.json()
                self.accepted.append(Accepted(act.id, body, told["partition"], told["offset"]))
                return
            if answer is not None and answer.status_code not in (429, 503):
                self.refused.append(f"{act.id}: {answer.status_code} {answer.text}")
                return
            self.tried_again += 1
            await asyncio.sleep(_PAUSE_S)

    def _body(self, act: Act) -> bytes:
        now = self.clock.now()
        at = self._last[act.ticket] if act.with_last else now - timedelta(seconds=act.backdate_s)
        self._last[act.ticket] = at
        data: dict[str, Any] = dict(act.data)
        if (ahead := data.pop("resume_in_s", None)) is not None:
            data["resume_at"] = _text(now + timedelta(seconds=ahead))
        event = {
            "specversion": "1.0",
            "id": act.id,
            "source": SOURCE,
            "type": act.type,
            "subject": act.ticket,
            "time": _text(at),
            "datacontenttype": "application/json",
            "data": data,
        }
        return json.dumps(event).encode()


def _text(at: datetime) -> str:
    return rfc3339(instant(at))
