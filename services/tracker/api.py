"""The tracker over HTTP: reads of every kind, and nothing that changes anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field

from services.tracker import export
from services.tracker.api_drafts import add_drafts
from services.tracker.desk import Desk
from services.tracker.freshness import MAX_WAIT_MS
from services.tracker.replies import Act, Board, Ticket, TicketNow, TicketPage, TimelinePage
from services.tracker.store_queries import Query as TicketQuery
from services.tracker.store_queries import Sort
from services.tracker.sums import Stats
from shared.contract.events import Priority, Status
from shared.contract.times import EPOCH

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
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"headers": _FRESHNESS},
    422: {"description": "A parameter is not what it should be; `do` says how to mend it."},
    503: {"description": "`after` is not applied yet, or the database is away; try again."},
}
_ONE: Final = {**_ANSWERS, 404: {"description": "Nothing was heard of it."}}

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows of a page.")]
Cursor = Annotated[
    str | None, Query(max_length=4000, description="`next_cursor` of the page before.")
]
Short = Annotated[str | None, Query(min_length=1, max_length=256, pattern=_NO_NUL)]
Key = Annotated[
    str, Path(max_length=1100, pattern=_NO_NUL, description="source:ticket, such as desk:INC0001.")
]

Tier = Annotated[int, Field(ge=0, le=3)]
ActId = Annotated[
    str, Path(max_length=256, pattern=_NO_NUL, description="`act_id` of intake's answer.")
]


def routes(desk: Desk) -> APIRouter:
    """Return the tracker's routes, which ask *desk*."""

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

    router = APIRouter(prefix="/v1", tags=["read"], dependencies=[Depends(fresh)])

    @router.get("/tickets", responses=_ANSWERS)
    async def tickets(
        response: Response,
        question: Annotated[TicketQuery, Depends(_question)],
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> TicketPage:
        """List tickets, those nearest to a breach first unless asked otherwise."""
        page, freshness = await desk.tickets(question, cursor, limit)
        response.headers.update(freshness.headers())
        return page

    add_drafts(router, desk.model)

    @router.get("/tickets/{key:path}/timeline", responses=_ONE)
    async def timeline(
        response: Response,
        key: Key,
        cursor: Cursor = None,
        limit: Limit = 100,
        *,
        newest_first: Annotated[bool, Query(description="Otherwise the oldest.")] = False,
    ) -> TimelinePage:
        """Tell what happened on a ticket: events, decisions and deliveries, by effective time."""
        page, freshness = await desk.timeline(key, cursor, limit, newest_first=newest_first)
        response.headers.update(freshness.headers())
        return page

    @router.get("/tickets/{key:path}", responses=_ONE)
    async def ticket(response: Response, key: Key) -> TicketNow:
        """Tell how a ticket stands now."""
        reply, freshness = await desk.ticket(key)
        response.headers.update(freshness.headers())
        return reply

    @router.get("/acts/{act_id:path}", responses=_ONE)
    async def act(response: Response, act_id: ActId) -> Act:
        """Tell what became of an act: refused, accepted, or recorded and not decided on."""
        reply, freshness = await desk.act(act_id)
        response.headers.update(freshness.headers())
        return reply

    @router.get("/board", responses=_ANSWERS)
    async def board(
        response: Response,
        per_tier: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Tickets of a tier.")] = 20,
    ) -> Board:
        """Show, per tier, the open tickets that are nearest to a breach."""
        reply, freshness = await desk.board(per_tier)
        response.headers.update(freshness.headers())
        return reply

    @router.get("/stats", responses=_ANSWERS)
    async def stats(response: Response) -> Stats:
        """Add up what the whole installation has done; at most a second old."""
        reply, freshness = await desk.stats()
        response.headers.update(freshness.headers())
        return reply

    @router.get(
        "/export.csv",
        response_class=StreamingResponse,
        responses={**_ANSWERS, 200: {"content": {"text/csv": {}}}},
    )
    async def as_csv(question: Annotated[TicketQuery, Depends(_question)]) -> StreamingResponse:
        """Give all tickets that the filters let through, for a spreadsheet."""
        pages = desk.export(question)
        # Asked for before anything is said, so that an error is still one.
        first = await anext(pages)
        return StreamingResponse(
            _csv(first, pages),
            media_type="text/csv",
            headers={"content-disposition": 'attachment; filename="tickets.csv"'},
        )

    return router


async def _csv(first: list[Ticket], pages: AsyncIterator[list[Ticket]]) -> AsyncIterator[str]:
    yield export.heading() + export.rows(first)
    async for page in pages:
        yield export.rows(page)


def _question(  # noqa: PLR0913, PLR0917  one parameter for each filter
    sort: Annotated[Sort, Query(description="The order.")] = Sort.BREACH,
    is_open: Annotated[
        bool | None, Query(alias="open", description="Still to be acted on.")
    ] = None,
    tier: Annotated[
        list[Tier] | None, Query(description="Any of these; 0: not decided yet.")
    ] = None,
    priority: Annotated[list[Priority] | None, Query(description="Any of these.")] = None,
    status: Annotated[list[Status] | None, Query(description="Any of these.")] = None,
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
    return TicketQuery(
        sort=sort,
        open=is_open,
        tiers=tuple(sorted(set(tier or ()))),
        priorities=tuple(sorted(set(priority or ()))),
        statuses=tuple(sorted(set(status or ()))),
        owner=owner,
        customer=customer,
        due_before=due_before,
        text=q,
    )
