"""The board and the page of one case, for people: rendered here, no script needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path as FilePath
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Path, Query, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.tracker.core.wording import late, plain
from services.tracker.dashboard import looks
from services.tracker.desk import Desk
from services.tracker.explaining import Escalator
from services.tracker.freshness import Freshness
from shared.contract.errors import TransientError
from shared.contract.explanations import Explanation
from shared.contract.sentences import called, clock, moment, sentence, span, target, why, words
from shared.runtime.health import Problem, retry_after

log = structlog.get_logger()

_HERE: Final = FilePath(__file__).parent
_PER_TIER: Final = 50
_ENTRIES: Final = 100
# Real time in which the escalator has to answer; the rest of the page does not wait longer.
_PATIENCE_S: Final = 2.0
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
_NO_NUL: Final = r"^[^\x00]*$"

Answer = Callable[[], Awaitable[tuple[dict[str, Any], Freshness]]]


def pages(
    desk: Desk, escalator: Escalator, refresh: timedelta, *, late_after_s: float
) -> APIRouter:
    """Return the pages' routes.

    Args:
        desk: Where they ask.
        escalator: Where they ask why, and what comes next; a page does without where it is away.
        refresh: How often, in real time, they load themselves anew unless asked not to.
        late_after_s: A decision made more virtual seconds after its effective time is late.
    """
    style = (_HERE / "assets" / "tracker.css").read_bytes()
    page = _Page(_environment(sha256(style).hexdigest()[:12], late_after_s), refresh)
    router = APIRouter(include_in_schema=False)

    @router.get("/assets/tracker.css")
    async def css() -> Response:
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(style, media_type="text/css", headers=headers)

    @router.get("/")
    async def board(*, still: bool = False) -> Response:
        async def answer() -> tuple[dict[str, Any], Freshness]:
            stats, _ = await desk.stats()
            shown, freshness = await desk.board(_PER_TIER)
            return {"board": shown, "stats": stats}, freshness

        return await page.render("board.html", answer, still=still, here="/")

    @router.get("/tickets/{key:path}")
    async def case(
        key: Annotated[str, Path(max_length=1100, pattern=_NO_NUL)],
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
        *,
        still: bool = False,
    ) -> Response:
        async def answer() -> tuple[dict[str, Any], Freshness]:
            ticket, freshness = await desk.ticket(key)
            entries, _ = await desk.timeline(key, cursor, _ENTRIES, newest_first=True)
            first = cursor is None
            reasons = await _reasons(escalator, key) if first else None
            shown = {"ticket": ticket, "timeline": entries, "first": first, "reasons": reasons}
            return shown, freshness

        # A later page of the timeline is being read; it should not be pulled away.
        still = still or cursor is not None
        return await page.render("case.html", answer, still=still, here=looks.link(key))

    return router


async def _reasons(escalator: Escalator, key: str) -> Explanation | None:
    """Return why *key* stands as it does; None where that cannot be had at once."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await escalator.explanation(key)
    except (Problem, TimeoutError) as error:
        log.info("page without reasons", ticket=key, why=str(error))
        return None


class _Page:
    """Renders answers, and errors, as pages."""

    def __init__(self, environment: Environment, refresh: timedelta) -> None:
        self._environment = environment
        self._refresh_s = round(refresh.total_seconds())

    async def render(self, name: str, answer: Answer, *, still: bool, here: str) -> Response:
        """Return the page *name* of *answer*, which loads itself anew unless it is to be *still*."""
        refresh_s = None if still else self._refresh_s
        try:
            given, freshness = await answer()
        except Problem as problem:
            return self._problem(problem, refresh_s=None, here=here)
        except TransientError:
            return self._problem(_away(), refresh_s=refresh_s, here=here)
        page = self._environment.get_template(name).render(
            **given,
            refresh_s=refresh_s,
            here=here,
            now=freshness.now,
            lag_s=freshness.behind_s,
        )
        headers = {**_HEADERS, **freshness.headers()}
        return Response(page, headers=headers, media_type="text/html")

    def _problem(self, problem: Problem, *, refresh_s: int | None, here: str) -> Response:
        page = self._environment.get_template("problem.html").render(
            problem=problem, refresh_s=refresh_s, here=here, now=None, lag_s=None
        )
        headers = {**_HEADERS, **problem.headers}
        return Response(page, problem.status, headers=headers, media_type="text/html")


def _environment(style: str, late_after_s: float) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        # Whatever is printed passes here before it is escaped; what is markup by now stays.
        finalize=lambda shown: plain(shown) if type(shown) is str else shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": moment,
        "span": span,
        "words": words,
        "target": target,
        "link": looks.link,
        "web": looks.web,
        "due": looks.due,
        "urgency": looks.urgency,
        "step": looks.step,
        "priority": looks.priority,
        "clock": clock,
    }
    environment.globals |= {
        "sentence": sentence,
        "why": why,
        "called": called,
        "late": lambda data: late(data, late_after_s),
        "style": style,
    }
    return environment


def _away() -> Problem:
    return Problem(
        status=503,
        code="database_unavailable",
        title="The board is away for a moment",
        detail="its database does not answer",
        do="This page tries again by itself; nothing that was reported is lost.",
        headers=retry_after(),
    )
