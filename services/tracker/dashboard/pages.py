"""The board and the page of one case, for people: rendered here, no script needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path as FilePath
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Path, Query, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.tracker.core.wording import sentence, span, told, why, words
from services.tracker.desk import Desk
from services.tracker.freshness import Freshness
from services.tracker.replies import Deadline, Ticket
from shared.runtime.health import Problem

_HERE: Final = FilePath(__file__).parent
_PER_TIER: Final = 50
_ENTRIES: Final = 100
_SOON_S: Final = 3600
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
_PRIORITIES: Final = {"P1": "critical", "P2": "high", "P3": "normal", "P4": "low"}
_NO_NUL: Final = r"^[^\x00]*$"

Answer = Callable[[], Awaitable[tuple[dict[str, Any], Freshness]]]


def pages(desk: Desk, refresh: timedelta) -> APIRouter:
    """Return the pages' routes.

    Args:
        desk: Where they ask.
        refresh: How often, in real time, they load themselves anew unless asked not to.
    """
    style = (_HERE / "assets" / "tracker.css").read_bytes()
    render = _renderer(sha256(style).hexdigest()[:12], round(refresh.total_seconds()))
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

        return await render("board.html", answer, still=still, here="/")

    @router.get("/tickets/{key:path}")
    async def case(
        key: Annotated[str, Path(max_length=1100, pattern=_NO_NUL)],
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
        *,
        still: bool = False,
    ) -> Response:
        async def answer() -> tuple[dict[str, Any], Freshness]:
            ticket, freshness = await desk.ticket(key)
            entries, _ = await desk.timeline(key, cursor, _ENTRIES)
            return {"ticket": ticket, "timeline": entries, "first": cursor is None}, freshness

        # A later page of the timeline is being read; it should not be pulled away.
        return await render("case.html", answer, still=still or cursor is not None, here=_link(key))

    return router


def _renderer(style: str, refresh_s: int) -> Callable[..., Awaitable[Response]]:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": _moment,
        "words": words,
        "link": _link,
        "web": _web,
        "due": _due,
        "urgency": _urgency,
        "priority": _priority,
        "span": lambda seconds: span(timedelta(seconds=seconds)),
    }
    environment.globals |= {"sentence": sentence, "why": why, "told": told, "style": style}

    async def render(name: str, answer: Answer, *, still: bool, here: str) -> Response:
        try:
            given, freshness = await answer()
        except Problem as problem:
            page = environment.get_template("problem.html").render(
                problem=problem, refresh_s=None, still=True, here=here, lag_s=None
            )
            headers = {**_HEADERS, **problem.headers}
            return Response(page, problem.status, headers=headers, media_type="text/html")
        page = environment.get_template(name).render(
            **given,
            refresh_s=None if still else refresh_s,
            still=still,
            here=here,
            now=freshness.now,
            lag_s=freshness.behind_s,
        )
        headers = {**_HEADERS, **freshness.headers()}
        return Response(page, headers=headers, media_type="text/html")

    return render


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _link(key: str) -> str:
    return f"/tickets/{quote(key, safe=':/')}"


def _web(url: str | None) -> str | None:
    """Return *url* where a browser may follow it."""
    if url is None:
        return None
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return None
    return url if scheme in {"http", "https"} else None


def _due(deadline: Deadline) -> str:
    length = span(timedelta(seconds=deadline.due_in_s))
    if deadline.due_in_s < 0:
        return f"overdue {length}"
    return f"in {length}" if deadline.exact else f"in {length} or later"


def _urgency(ticket: Ticket) -> str:
    """Return how near the breach is, as a word: `overdue`, `soon`, `later` or `none`."""
    deadline = ticket.next_deadline
    if deadline is None:
        return "none"
    if deadline.due_in_s < 0:
        return "overdue"
    return "soon" if deadline.due_in_s < _SOON_S else "later"


def _priority(priority: str | None) -> str:
    return "not decided" if priority is None else f"{priority} {_PRIORITIES.get(priority, '')}"
