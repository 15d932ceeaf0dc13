"""The tracker's stream: one connection after the other, each from where the last one broke off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx2

from shared.runtime.clock import monotonic
from tierline.client.asking import AGAIN, content_of, pause_s
from tierline.client.errors import GaveUpError
from tierline.client.replies import Heard

_SILENT_S: Final = 45.0
"""The tracker says something every 15 seconds; whoever is silent for three times that is gone."""

_ANEW: Final = "anew"
_PLACE: Final = "place"


@dataclass(frozen=True, slots=True)
class Told:
    """Something that became known.

    Attributes:
        place: Where the stream is after it, to go on from.
        heard: It; None where more was missed than is told: ask anew for everything that you show.
    """

    place: str
    heard: Heard | None


async def hear(
    client: httpx2.AsyncClient,
    url: str,
    headers: Callable[[], Mapping[str, str]],
    since: str | None,
    *,
    within_s: float,
) -> AsyncIterator[Told]:
    """Yield what the stream at *url* tells after *since*, over as many connections as it takes.

    Raises:
        RefusedError: The answer is no.
        GaveUpError: For *within_s* seconds nobody was there.
    """
    place = since
    failures = 0
    away_since = monotonic()
    while True:
        asked = {**headers(), "accept": "text/event-stream"}
        if place is not None:
            asked["last-event-id"] = place
        try:
            async with client.stream(
                "GET", url, headers=asked, timeout=httpx2.Timeout(_SILENT_S)
            ) as answer:
                if answer.status_code == httpx2.codes.OK:
                    failures = 0
                    why = "the stream has ended"
                    async for kind, told_at, data in _events(answer):
                        place = told_at or place
                        if kind != _PLACE and place is not None:
                            yield Told(place, None if kind == _ANEW else json.loads(data))
                    away_since = monotonic()
                else:
                    await answer.aread()
                    why = f"answered {answer.status_code}"
                    if answer.status_code not in AGAIN:
                        content_of(answer)
        except httpx2.TransportError as error:
            why = f"{type(error).__name__} {error}".rstrip()
            if failures == 0:
                away_since = monotonic()
        failures += 1
        if monotonic() - away_since >= within_s:
            raise GaveUpError(f"{url}: {why}; given up after {within_s:g} s", (), None)  # noqa: EM102
        await asyncio.sleep(pause_s(failures))


async def _events(answer: httpx2.Response) -> AsyncIterator[tuple[str, str, str]]:
    """Yield kind, id and data of each event (WHATWG HTML, server-sent events)."""
    kind, place = "", ""
    data: list[str] = []
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield kind, place, "\n".join(data)
            kind, data = "", []
        elif name == "event":
            kind = value
        elif name == "id":
            place = value
        elif name == "data":
            data.append(value)
