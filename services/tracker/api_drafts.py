"""Drafts over HTTP: forms that were refused for what they lacked, offered to be completed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from services.tracker.access import Access, Who
from services.tracker.api import REFUSALS, Key, freshness_of, only_seen
from services.tracker.conditional import answered
from services.tracker.desk import Desk
from services.tracker.replies import Reply
from shared.runtime.questions import only_known

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


def draft_routes(desk: Desk, access: Access) -> APIRouter:
    """Return the route of drafts, which asks at *desk*."""
    first = [Depends(access.let_in), Depends(only_known), Depends(freshness_of(desk))]
    router = APIRouter(prefix="/v1", tags=["read"], dependencies=first)

    @router.get("/tickets/{key:path}/drafts", response_model=DraftPage, responses=REFUSALS)
    async def of_ticket(
        request: Request,
        reader: Who,
        key: Key,
        by: Annotated[
            str | None,
            Query(max_length=256, pattern=_NO_NUL, description="Only this person's."),
        ] = None,
    ) -> Response:
        """Offer the forms again that were refused for what they lacked, as far as they were filled in."""
        only_seen(reader, key)
        found, freshness = await desk.drafts(key, by)
        items = [DraftReply(**one._asdict()) for one in found]
        page = DraftPage(ticket=key, now=freshness.now, items=items)
        return answered(request, page, freshness)

    return router
