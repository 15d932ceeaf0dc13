"""Drafts over HTTP: forms that were refused for what they lacked, offered to be completed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from pydantic_core import from_json

from services.tracker.access import Access, Who
from services.tracker.api import REFUSALS, Key, only_seen
from services.tracker.core.drafts import Line, drafts
from services.tracker.core.message import Kind
from services.tracker.replies import Reply
from services.tracker.store_reading import Entry, ReadModel

LOOKED_AT: Final = 500
"""Of so many of the newest lines of a timeline drafts are found."""

_NO_NUL: Final = r"^[^\x00]*$"


class DraftReply(Reply):
    """A form that waits to be completed."""

    id: str = Field(description="Of the event that holds it; `/v1/acts/{id}` says more.")
    act: str = Field(description="The act's type.", examples=["escalation.requested"])
    by: str | None
    role: str | None
    form: dict[str, Any] = Field(description="What was filled in, key by key, as intake takes it.")
    missing: list[str] = Field(examples=[["specific_ask"]])
    allowed: list[str]
    refused_at: datetime


class DraftPage(Reply):
    """The drafts of a ticket."""

    ticket: str
    now: datetime = Field(description="The installation's clock.")
    items: list[DraftReply] = Field(description="The newest first; one per person and kind of act.")


def draft_routes(model: ReadModel, access: Access) -> APIRouter:
    """Return the route of drafts, which reads *model*."""
    router = APIRouter(prefix="/v1", tags=["read"], dependencies=[Depends(access.let_in)])

    @router.get("/tickets/{key:path}/drafts", responses=REFUSALS)
    async def of_ticket(
        response: Response,
        reader: Who,
        key: Key,
        by: Annotated[
            str | None,
            Query(max_length=256, pattern=_NO_NUL, description="Only this person's."),
        ] = None,
    ) -> DraftPage:
        """Offer the forms again that were refused for what they lacked, as far as they were filled in."""
        only_seen(reader, key)
        async with model.snapshot() as now:
            found = await now.timeline(key, None, LOOKED_AT, newest_first=True)
        response.headers.update(now.freshness.headers())
        lines = [_line(one) for one in reversed(found) if one.kind != Kind.DELIVERY]
        items = [DraftReply(**one._asdict()) for one in drafts(lines) if by is None or one.by == by]
        return DraftPage(ticket=key, now=now.freshness.now, items=items)

    return router


def _line(entry: Entry) -> Line:
    message = from_json(entry.message)
    return Line(entry.type, message["id"], entry.received_at, message["data"])
