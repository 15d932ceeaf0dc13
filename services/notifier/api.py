"""The notifier over HTTP: what became of each notice, and what is dead."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.notifier.store_reading import (
    BadCursorError,
    Page,
    attempts_of,
    dead_records,
    deliveries,
)
from shared.runtime.database import Database
from shared.runtime.health import Problem

State = Annotated[
    str | None,
    Query(
        pattern="^(planned|claimed|retry|uncertain|sent|delivered|suppressed|dead)$",
        description="Only deliveries in this state.",
    ),
]
Ticket = Annotated[str | None, Query(max_length=1100, description="Only this ticket's key.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Rows of a page.")]


class Attempt(BaseModel):
    """One attempt; without `ended_at` nobody knows how it ended."""

    model_config = ConfigDict(from_attributes=True)

    attempt: int
    channel: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    detail: str | None


class Delivery(BaseModel):
    """One row of the ledger; the address is masked."""

    id: UUID
    decision_id: UUID
    ticket: str
    version: int
    escalation: str | None
    role: str
    person: str | None
    purpose: str
    mode: str
    fyi: bool
    channel: str | None
    address: str | None
    state: str
    reason: str | None
    attempt: int
    planned_at: datetime
    hold_until: datetime | None
    finished_at: datetime | None
    next_at: datetime | None
    last_error: str | None
    attempts: list[Attempt] = Field(default_factory=list)


class Deliveries(BaseModel):
    """A page of the ledger, newest first."""

    deliveries: list[Delivery]
    cursor: str | None = Field(description="Give it back for the next page; null at the end.")


class DeadRecord(BaseModel):
    """A record of the topic that could not be read or planned."""

    topic: str
    partition: int
    offset: int
    error_class: str
    error: str
    created_at: datetime


class DeadLetters(BaseModel):
    """What an operator must look at: notices given up, and records nobody could read."""

    deliveries: list[Delivery]
    cursor: str | None = Field(description="Give it back for the next page; null at the end.")
    records: list[DeadRecord]


def routes(database: Database) -> APIRouter:
    """Return the notifier's own routes, reading from *database*."""
    router = APIRouter(prefix="/v1")

    async def page(
        ticket: str | None, state: str | None, cursor: str | None, limit: int
    ) -> tuple[Page, list[Delivery]]:
        async with database.transaction() as conn:
            try:
                found = await deliveries(
                    conn, ticket=ticket, state=state, cursor=cursor, limit=limit
                )
            except BadCursorError as error:
                raise Problem(
                    status=400,
                    code="bad_cursor",
                    title="This cursor belongs to no page",
                    detail="cursor is none that this service has given",
                    do="Take the cursor of the page before, or none for the first page.",
                ) from error
            tried = await attempts_of(conn, [row["id"] for row in found.rows])
        return found, [_delivery(row, tried.get(row["id"], ())) for row in found.rows]

    @router.get("/deliveries", responses={400: {"description": "Not a cursor of ours."}})
    async def read_deliveries(
        ticket: Ticket = None, state: State = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Deliveries:
        """Return deliveries, newest first."""
        found, shown = await page(ticket, state, cursor, limit)
        return Deliveries(deliveries=shown, cursor=found.cursor)

    @router.get("/dead-letters", responses={400: {"description": "Not a cursor of ours."}})
    async def read_dead_letters(cursor: Cursor = None, limit: Limit = 50) -> DeadLetters:
        """Return notices that were given up and records that could not be read, newest first."""
        found, shown = await page(None, "dead", cursor, limit)
        async with database.transaction() as conn:
            records = await dead_records(conn, limit)
        return DeadLetters(
            deliveries=shown,
            cursor=found.cursor,
            records=[DeadRecord.model_validate(dict(row)) for row in records],
        )

    return router


def _delivery(row: Mapping[Any, Any], tried: Sequence[Mapping[Any, Any]]) -> Delivery:
    return Delivery.model_validate({**row, "attempts": [dict(one) for one in tried]})
