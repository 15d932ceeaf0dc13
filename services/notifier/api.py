"""The notifier over HTTP: what became of each notice."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from services.notifier.answers import Deliveries, Delivery
from services.notifier.store_reading import (
    BadCursorError,
    Page,
    attempts_of,
    deliveries,
)
from shared.runtime.database import Connection, Database
from shared.runtime.health import Problem
from shared.runtime.questions import only_known

NO_NUL: Final = r"^[^\x00]*$"
"""What a text may be that is looked for: PostgreSQL has no place for a NUL."""

State = Annotated[
    str | None,
    Query(
        pattern="^(planned|claimed|retry|uncertain|sent|delivered|suppressed|dead|discarded)$",
        description="Only deliveries in this state.",
    ),
]
Ticket = Annotated[
    str | None,
    Query(max_length=1100, pattern=NO_NUL, description="Only this ticket's key."),
]
Cursor = Annotated[str | None, Query(max_length=200, description="`cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Rows of a page.")]


def routes(database: Database) -> APIRouter:
    """Return the routes that read the ledger in *database*."""
    router = APIRouter(prefix="/v1", tags=["deliveries"], dependencies=[Depends(only_known)])

    @router.get("/deliveries", responses={400: {"description": "Not a cursor of ours."}})
    async def read_deliveries(
        ticket: Ticket = None, state: State = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Deliveries:
        """Return deliveries, newest first."""
        async with database.transaction() as conn:
            found = await page(conn, ticket=ticket, state=state, cursor=cursor, limit=limit)
            shown = await with_attempts(conn, found.rows)
        return Deliveries(deliveries=shown, cursor=found.cursor)

    return router


async def page(
    conn: Connection,
    *,
    ticket: str | None,
    state: str | None,
    why: str | None = None,
    cursor: str | None,
    limit: int,
) -> Page:
    """Return a page of the ledger.

    Raises:
        Problem: 400, the cursor is none of ours.
    """
    try:
        return await deliveries(
            conn, ticket=ticket, state=state, why=why, cursor=cursor, limit=limit
        )
    except BadCursorError as error:
        raise bad_cursor() from error


async def with_attempts(conn: Connection, rows: Sequence[Mapping[Any, Any]]) -> list[Delivery]:
    """Return *rows* of the ledger as they are shown, each with its attempts."""
    tried = await attempts_of(conn, [row["id"] for row in rows])
    return [
        Delivery.model_validate(
            {**row, "attempts": [dict(one) for one in tried.get(row["id"], ())]}
        )
        for row in rows
    ]


def bad_cursor() -> Problem:
    """Return what is answered to a cursor that nobody was given."""
    return Problem(
        status=400,
        code="bad_cursor",
        title="This cursor belongs to no page",
        detail="cursor is none that this service has given",
        do="Take the cursor of the page before, or none for the first page.",
    )
