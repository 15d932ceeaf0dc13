"""The tracker over HTTP: reads of every kind, and nothing that changes anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field

from services.tracker import examples, export
from services.tracker.access import Access, Who, for_all
from services.tracker.conditional import answered
from services.tracker.core.readers import Reader
from services.tracker.desk import Desk, unknown
from services.tracker.freshness import MAX_WAIT_MS
from services.tracker.replies import (
    Act,
    Alarms,
    Board,
    GroupPage,
    History,
    Ticket,
    TicketNow,
    TicketPage,
    TimelinePage,
)
from services.tracker.store_queries import Query as TicketQuery
from services.tracker.store_queries import Sort
from services.tracker.sums import Stats
from services.tracker.watchdog import Watchdog
from shared.contract.events import Priority, Status
from shared.contract.times import EPOCH
from shared.runtime.questions import only_known

MAX_PAGE: Final = 200
"""The most rows of one page."""

FAR: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""No time is later than this."""
_NO_NUL: Final = r"^[^\x00]*$"
_FRESHNESS: Final[dict[str, Any]] = {
    "X-Position": {
        "description": "Next offsets applied: `tickets.events/0:17,1:4 tickets.tier-changes/…`.",
        "schema": {"type": "string"},
    },
    "X-Lag-Ms": {
        "description": "What was in the topics this many real milliseconds ago is in the answer.",
        "schema": {"type": "integer"},
    },
    "ETag": {
        "description": "Send it as If-None-Match: 304 says that nothing has happened since.",
        "schema": {"type": "string"},
    },
}
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: examples.problem("unauthorized", "A key is needed."),
    403: examples.problem("forbidden", "The key may not do that."),
    422: examples.problem(
        "invalid_request", "A parameter is not what it should be; `do` says how to mend it."
    ),
    429: examples.problem("too_many_requests", "Too many questions; see Retry-After."),
    503: examples.problem(
        "not_yet_applied", "`after` is not applied yet, or the database is away; try again."
    ),
}
"""How a question may be refused."""
NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {
    404: examples.problem("unknown_ticket", "Nothing was heard of it, or it is not for this key.")
}
_NOT_CHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "Nothing has happened since the answer with this ETag."}
}

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows of a page.")]
Cursor = Annotated[
    str | None, Query(max_length=4000, description="`next_cursor` of the page before.")
]
Short = Annotated[str | None, Query(min_length=1, max_length=256, pattern=_NO_NUL)]
Key = Annotated[
    str, Path(max_length=1100, pattern=_NO_NUL, description="source:ticket, such as desk:INC0001.")
]
AsOf = Annotated[
    AwareDatetime | None,
    Query(
        ge=EPOCH,
        lt=FAR,
        description="A moment that has passed: the answer is the one that was given then.",
        examples=["2026-03-02T12:00:00Z"],
    ),
]

Tier = Annotated[int, Field(ge=0, le=3)]
ActId = Annotated[
    str, Path(max_length=256, pattern=_NO_NUL, description="`act_id` of intake's answer.")
]


def _answers(example: str | None = None, *, one: bool = False) -> dict[int | str, dict[str, Any]]:
    good: dict[str, Any] = {"headers": _FRESHNESS}
    if example is not None:
        good["content"] = {"application/json": {"example": examples.ANSWERS[example]}}
    return {200: good, **_NOT_CHANGED, **(NOT_FOUND if one else {}), **REFUSALS}


def freshness_of(desk: Desk) -> Callable[..., Any]:
    """Return the dependency that waits until an answer includes what its reader has written."""

    async def fresh(
        after: Annotated[
            str | None,
            Query(
                max_length=100,
                description="Answer only from what includes this place: partition:offset as"
                " intake gave them, or topic/partition:offset.",
                examples=["3:1234", "tickets.tier-changes/3:1240"],
            ),
        ] = None,
        wait_ms: Annotated[
            int, Query(ge=0, le=MAX_WAIT_MS, description="How long to wait for it, milliseconds.")
        ] = 0,
    ) -> None:
        await desk.fresh_enough(after, wait_ms)

    return fresh


def routes(desk: Desk, access: Access, watchdog: Watchdog) -> APIRouter:
    """Return the tracker's routes, which ask *desk* and *watchdog* for whom *access* lets in."""
    first = [Depends(access.let_in), Depends(only_known), Depends(freshness_of(desk))]
    router = APIRouter(prefix="/v1", tags=["read"], dependencies=first)
    _add_tickets(router, desk)
    _add_sums(router, desk)
    _add_alarms(router, watchdog)
    return router


def _add_tickets(router: APIRouter, desk: Desk) -> None:
    @router.get("/tickets", response_model=TicketPage, responses=_answers("tickets"))
    async def tickets(
        request: Request,
        reader: Who,
        question: Annotated[TicketQuery, Depends(question_of)],
        cursor: Cursor = None,
        limit: Limit = 50,
        as_of: AsOf = None,
    ) -> Response:
        """List tickets, those nearest to a breach first unless asked otherwise."""
        asked = question.within(reader.source)
        return answered(request, *await desk.tickets(asked, cursor, limit, as_of))

    @router.get(
        "/tickets/{key:path}/timeline", response_model=TimelinePage, responses=_answers(one=True)
    )
    async def timeline(
        request: Request,
        reader: Who,
        key: Key,
        cursor: Cursor = None,
        limit: Limit = 100,
        as_of: AsOf = None,
        *,
        newest_first: Annotated[bool, Query(description="Otherwise the oldest.")] = False,
    ) -> Response:
        """Tell what happened on a ticket: events, decisions and deliveries, by effective time."""
        only_seen(reader, key)
        found = await desk.timeline(key, cursor, limit, as_of, newest_first=newest_first)
        return answered(request, *found)

    @router.get(
        "/tickets/{key:path}", response_model=TicketNow, responses=_answers("ticket", one=True)
    )
    async def ticket(request: Request, reader: Who, key: Key, as_of: AsOf = None) -> Response:
        """Tell how a ticket stands now, or how it stood."""
        only_seen(reader, key)
        return answered(request, *await desk.ticket(key, as_of))

    @router.get("/acts/{act_id:path}", response_model=Act, responses=_answers("act", one=True))
    async def act(request: Request, reader: Who, act_id: ActId) -> Response:
        """Tell what became of an act: refused, accepted, or recorded and not decided on."""
        return answered(request, *await desk.act(act_id, reader))

    @router.get("/groups", response_model=GroupPage, responses=_answers())
    async def groups(
        request: Request,
        reader: Who,
        cursor: Cursor = None,
        limit: Limit = 50,
        *,
        is_open: Annotated[bool, Query(alias="open", description="Only open ones.")] = False,
    ) -> Response:
        """List groups of tickets with one cause, the newest first."""
        for_all(reader)
        return answered(request, *await desk.groups(only_open=is_open, cursor=cursor, limit=limit))

    @router.get(
        "/export.csv",
        response_class=StreamingResponse,
        responses={**REFUSALS, 200: {"content": {"text/csv": {}}}},
    )
    async def as_csv(
        reader: Who,
        question: Annotated[TicketQuery, Depends(question_of)],
        as_of: AsOf = None,
    ) -> StreamingResponse:
        """Give all tickets that the filters let through, for a spreadsheet."""
        pages = desk.export(question.within(reader.source), as_of)
        # Asked for before anything is said, so that an error is still one.
        first = await anext(pages)
        return StreamingResponse(
            _csv(first, pages),
            media_type="text/csv",
            headers={"content-disposition": 'attachment; filename="tickets.csv"'},
        )


def _add_sums(router: APIRouter, desk: Desk) -> None:
    @router.get("/board", response_model=Board, responses=_answers("board"))
    async def board(
        request: Request,
        reader: Who,
        per_tier: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Tickets of a tier.")] = 20,
        as_of: AsOf = None,
    ) -> Response:
        """Show, per tier, the open tickets that are nearest to a breach."""
        asked = TicketQuery(source=reader.source)
        return answered(request, *await desk.board(per_tier, as_of, asked))

    @router.get("/stats", response_model=Stats, responses=_answers())
    async def stats(request: Request, reader: Who) -> Response:
        """Add up what the whole installation has done; at most a second old."""
        for_all(reader)
        return answered(request, *await desk.stats())

    @router.get("/history", response_model=History, responses=_answers())
    async def history(
        request: Request,
        reader: Who,
        days: Annotated[int, Query(ge=1, le=92, description="How far back.")] = 7,
    ) -> Response:
        """Tell volume, load, breaches and time in the tiers by the hour, or by the day from 8 on."""
        for_all(reader)
        return answered(request, *await desk.history(days))


def _add_alarms(router: APIRouter, watchdog: Watchdog) -> None:
    @router.get("/alarms", response_model=Alarms, responses=REFUSALS)
    async def alarms(reader: Who) -> Alarms:
        """Tell what should have happened and has not, as an independent watcher sees it."""
        for_all(reader)
        return await watchdog.look() if watchdog.seen is None else watchdog.seen


def only_seen(reader: Reader, key: str) -> None:
    """Refuse what is not there for *reader*, as if it were not there at all.

    Raises:
        Problem: 404.
    """
    if not reader.sees(key):
        raise unknown(key)


async def _csv(first: list[Ticket], pages: AsyncIterator[list[Ticket]]) -> AsyncIterator[str]:
    yield export.heading() + export.rows(first)
    async for page in pages:
        yield export.rows(page)


def question_of(  # noqa: PLR0913, PLR0917  one parameter for each filter
    sort: Annotated[Sort, Query(description="The order.")] = Sort.BREACH,
    is_open: Annotated[
        bool | None, Query(alias="open", description="Still to be acted on.")
    ] = None,
    tier: Annotated[
        list[Tier] | None, Query(description="Any of these; 0: not decided yet.")
    ] = None,
    priority: Annotated[list[Priority] | None, Query(description="Any of these.")] = None,
    status: Annotated[list[Status] | None, Query(description="Any of these.")] = None,
    team: Annotated[
        Short,
        Query(
            description="Whose turn it is: a tier's team, or whom an open escalation went to.",
            examples=["t2", "engineering"],
        ),
    ] = None,
    group: Annotated[
        str | None, Query(max_length=1100, pattern=_NO_NUL, description="Members of this group.")
    ] = None,
    owner: Short = None,
    customer: Short = None,
    due_before: Annotated[
        AwareDatetime | None,
        Query(ge=EPOCH, lt=FAR, description="A promise is due before this time."),
    ] = None,
    q: Annotated[
        str | None,
        Query(min_length=2, max_length=100, pattern=_NO_NUL, description="Part of title or key."),
    ] = None,
) -> TicketQuery:
    """Return the question that the parameters ask."""
    return TicketQuery(
        sort=sort,
        open=is_open,
        tiers=tuple(sorted(set(tier or ()))),
        priorities=tuple(sorted(set(priority or ()))),
        statuses=tuple(sorted(set(status or ()))),
        team=team,
        group=group,
        owner=owner,
        customer=customer,
        due_before=due_before,
        text=q,
    )
