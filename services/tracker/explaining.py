"""Why, and what comes next: asked of the escalator, which alone knows the policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import ValidationError

from shared.contract.explanations import Explanation, Plan, View
from shared.runtime.health import Problem, retry_after

PATIENCE_S: Final = 10.0
"""Real time in which the escalator has to answer."""

_ITS_OWN: Final = frozenset({httpx2.codes.NOT_FOUND, httpx2.codes.UNPROCESSABLE_CONTENT})

Answer = TypeVar("Answer", Explanation, Plan)


class Escalator:
    """Asks the escalator; made by `escalator_at`."""

    def __init__(self, client: httpx2.AsyncClient | None) -> None:
        self._client = client

    async def explanation(
        self, key: str, at: datetime | None = None, view: View = View.THEN
    ) -> Explanation:
        """Return why the ticket *key* stands as it does at *at*, by default now.

        Raises:
            Problem: There is no such ticket, or not by then; or nobody answers.
        """
        return await self._ask(Explanation, f"{_path(key)}/explain", at, view)

    async def plan(self, key: str, at: datetime | None = None, view: View = View.THEN) -> Plan:
        """Return what comes next for the ticket *key*, seen from *at*, by default now.

        Raises:
            Problem: There is no such ticket, or not by then; or nobody answers.
        """
        return await self._ask(Plan, f"{_path(key)}/plan", at, view)

    async def policy_text(self) -> str:
        """Return the policy in force, as it is written.

        Raises:
            Problem: Nobody answers.
        """
        if self._client is None:
            raise _away("TRACKER_ESCALATOR_URL is not set")
        try:
            answer = await self._client.get("/v1/policies/active")
            answer.raise_for_status()
            return str(answer.json()["text"])
        except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            raise _away(type(error).__name__) from error

    async def _ask(self, kind: type[Answer], path: str, at: datetime | None, view: View) -> Answer:
        if self._client is None:
            raise _away("TRACKER_ESCALATOR_URL is not set")
        asked = {"view": view.value} | ({} if at is None else {"at": at.isoformat()})
        try:
            answer = await self._client.get(path, params=asked)
        except httpx2.HTTPError as error:
            raise _away(type(error).__name__) from error
        if answer.status_code in _ITS_OWN:
            raise _as_said(answer)
        try:
            answer.raise_for_status()
            return kind.model_validate_json(answer.content)
        except (httpx2.HTTPStatusError, ValidationError) as error:
            raise _unusable(answer) from error


@asynccontextmanager
async def escalator_at(url: str | None) -> AsyncIterator[Escalator]:
    """Give the escalator at *url*; without one it is always away."""
    if url is None:
        yield Escalator(None)
        return
    base = url.rstrip("/")
    async with httpx2.AsyncClient(base_url=base, timeout=PATIENCE_S, trust_env=False) as client:
        yield Escalator(client)


def _path(key: str) -> str:
    return f"/v1/tickets/{quote(key, safe='')}"


def _as_said(answer: httpx2.Response) -> Problem:
    try:
        said = answer.json()
        return Problem(
            status=answer.status_code,
            code=said["code"],
            title=said["title"],
            detail=said["detail"],
            do=said["do"],
        )
    except (ValueError, KeyError, TypeError):
        return _unusable(answer)


def _away(why: str) -> Problem:
    return Problem(
        status=503,
        code="escalator_unavailable",
        title="Only the escalator knows, and it is away",
        detail=f"the escalator was not reached: {why}",
        do="Try again after the seconds that Retry-After names; the timeline says what happened.",
        headers=retry_after(),
    )


def _unusable(answer: httpx2.Response) -> Problem:
    return _away(f"what answers there said {answer.status_code}")
