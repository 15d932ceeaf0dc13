"""The tracker over HTTP: what becomes known, as it does (server-sent events)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.tracker.access import Access, Who
from services.tracker.api import REFUSALS
from services.tracker.core.places import Places, heard
from services.tracker.stream import Stream, Told
from shared.runtime.health import Problem
from shared.runtime.questions import only_known

_COME_BACK_MS: Final = 2000


def streaming(stream: Stream, access: Access) -> APIRouter:
    """Return the route that tells what *stream* tells, to whom *access* lets in."""
    first = [Depends(access.let_in), Depends(only_known)]
    router = APIRouter(prefix="/v1", tags=["read"], dependencies=first)

    @router.get("/stream", response_class=EventSourceResponse, responses=REFUSALS)
    async def listen(
        reader: Who, places: Annotated[Places | None, Depends(_since)]
    ) -> AsyncIterator[ServerSentEvent]:
        """Tell every event, decision and delivery as it becomes known.

        `event:` is `event`, `decision` or `delivery`, `data:` an entry of a timeline with its
        ticket; `place` says only where the stream is, and `anew` that more was missed than is told.
        A comment comes every 15 seconds. Whoever does not keep up is cut off; with
        `Last-Event-ID` everything after it is told again, at least once, for at most 5,000 messages.
        """
        async for one in stream.listen(places, reader.source):
            yield _said(one)

    return router


async def _since(
    last_event_id: Annotated[
        str | None,
        Header(description="The id that was heard last; what came after it is told first."),
    ] = None,
) -> Places | None:
    # Before anything is said, so that a word that means nothing is answered as an error.
    return None if last_event_id is None else _places(last_event_id)


def _said(one: Told) -> ServerSentEvent:
    if one.heard is None:
        kind = "anew" if one.anew else "place"
        return ServerSentEvent(event=kind, id=one.place, raw_data=one.text, retry=_COME_BACK_MS)
    return ServerSentEvent(event=one.heard.kind, id=one.place, raw_data=one.text)


def _places(word: str) -> Places:
    try:
        return heard(word)
    except ValueError as error:
        raise Problem(
            status=422,
            code="invalid_last_event_id",
            title="No place of this stream",
            detail=f"Last-Event-ID: {error}",
            do="Send the id that was heard last, or none to hear what comes from now on.",
        ) from None
