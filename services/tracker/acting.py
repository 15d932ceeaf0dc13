"""Acts from the pages, handed on to intake: nothing is written here, all writes enter there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx2

from shared.contract.judgements import Missing

_PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What intake answered.

    Attributes:
        act_id: The act's id, where it is in the log.
        after: Its place there, for the tracker to wait for.
        said: Where it was refused: title, detail, what to do.
        missing: The fields that are asked for and nobody has given, each with what asks for it.
        allowed: What would have been accepted.
    """

    act_id: str | None = None
    after: str | None = None
    said: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    allowed: tuple[str, ...] = field(default=())


class Intake:
    """Posts acts to intake; made by `intake_at`."""

    def __init__(self, client: httpx2.AsyncClient | None) -> None:
        self._client = client

    @property
    def is_there(self) -> bool:
        """Whether anybody can act from here."""
        return self._client is not None

    async def post(self, key: str, act: Mapping[str, Any], bearer: str | None) -> Outcome:
        """Post *act* on the ticket *key* with the key that its sender showed us."""
        if self._client is None:
            return Outcome(said=("Nobody can act from here", "TRACKER_INTAKE_URL is not set"))
        headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        try:
            answer = await self._client.post(
                f"/v1/tickets/{quote(key, safe='')}/acts", json=act, headers=headers
            )
            said = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            return Outcome(
                said=("Intake is away", type(error).__name__, "Send the form again in a moment.")
            )
        if answer.status_code == httpx2.codes.ACCEPTED and isinstance(said, dict):
            return Outcome(
                act_id=str(said["act_id"]), after=f"{said['partition']}:{said['offset']}"
            )
        return _refused(said if isinstance(said, dict) else {})


@asynccontextmanager
async def intake_at(url: str | None) -> AsyncIterator[Intake]:
    """Give intake at *url*; without one nobody can act from the pages."""
    if url is None:
        yield Intake(None)
        return
    base = url.rstrip("/")
    async with httpx2.AsyncClient(base_url=base, timeout=_PATIENCE_S, trust_env=False) as client:
        yield Intake(client)


def _refused(said: Mapping[str, Any]) -> Outcome:
    parts = (said.get(name) for name in ("title", "detail", "do"))
    return Outcome(
        said=tuple(str(one) for one in parts if one) or ("Intake has refused it",),
        missing=tuple(
            Missing(field=str(one["field"]), why=str(one["why"]))
            for one in _listed(said, "missing")
            if isinstance(one, dict) and {"field", "why"} <= one.keys()
        ),
        allowed=tuple(map(str, _listed(said, "allowed"))),
    )


def _listed(said: Mapping[str, Any], name: str) -> list[Any]:
    found = said.get(name)
    return found if isinstance(found, list) else []
