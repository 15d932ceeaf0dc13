"""One request until it is answered: again after a pause, never longer than a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2

from shared.runtime.clock import backoff_s, jittered, monotonic, real_now
from tierline.client.errors import AnswerError, GaveUpError, Problem, RefusedError, problem_in

AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which the same request may be answered otherwise."""

_LONGEST_PAUSE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        method: The HTTP method.
        url: Where it goes.
        content: The body.
        content_type: What that is.
        headers: More headers.
        query: The query.
        ids: The ids of what it sends, for whoever has to send it again.
    """

    method: str
    url: str
    content: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] | None = None
    query: Mapping[str, Any] | None = None
    ids: Sequence[str] = ()


async def ask(client: httpx2.AsyncClient, asked: Asked, *, within_s: float) -> Any:
    """Return the JSON that answers *asked*, asking again for up to *within_s* seconds.

    Raises:
        RefusedError: The answer is no, and would be no again.
        GaveUpError: There was none in time.
        AnswerError: It is no answer of Tierline.
    """
    end = monotonic() + within_s
    failures = 0
    while True:
        problem: Problem | None = None
        left = end - monotonic()
        try:
            answer = await client.request(
                asked.method,
                asked.url,
                content=asked.content,
                params=dict(asked.query or {}),
                headers={"content-type": asked.content_type, **(asked.headers or {})},
                timeout=max(0.05, left),
            )
        except httpx2.TransportError as error:
            why = f"{asked.url}: {type(error).__name__} {error}".rstrip()
            wanted_s = 0.0
        else:
            if answer.status_code not in AGAIN:
                return content_of(answer)
            problem = problem_in(answer.status_code, _json(answer))
            why = f"{asked.url} answered {answer.status_code}"
            why += "" if problem is None else f" ({problem.detail}. {problem.do})"
            wanted_s = _asked_for(answer)
        failures += 1
        # As long as is asked for at least; beyond that, not all that were refused at the same time.
        pause = wanted_s + jittered(min(1.0, wanted_s)) if wanted_s else pause_s(failures)
        if monotonic() + pause >= end:
            raise GaveUpError(f"{why}; given up after {within_s:g} s", asked.ids, problem)  # noqa: EM102
        await asyncio.sleep(pause)


def pause_s(failures: int) -> float:
    """Return how long to wait after so many *failures* in a row."""
    return backoff_s(failures, base_s=0.2, cap_s=_LONGEST_PAUSE_S)


def _asked_for(answer: httpx2.Response) -> float:
    """Return after how many seconds the answer asks to be asked again; 0 where it does not say."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    try:
        at: datetime = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (aware - real_now()).total_seconds())


def content_of(answer: httpx2.Response) -> Any:
    """Return the JSON of an *answer* that is yes.

    Raises:
        RefusedError: It is no.
        AnswerError: It is no answer of Tierline.
    """
    content = _json(answer)
    if answer.is_success and content is not None:
        return content
    problem = problem_in(answer.status_code, content)
    if problem is not None:
        raise RefusedError(problem)
    msg = f"{answer.url} answered {answer.status_code}, and not as Tierline does"
    raise AnswerError(msg)


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
