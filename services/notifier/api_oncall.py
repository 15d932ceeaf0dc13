"""The notifier over HTTP: who is on call, their calendars, and who is missing in which channel."""

import hmac
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, SecretStr

from services.notifier.access_watch import AccessWatch
from services.notifier.calendar_writing import Kind, NoFeedError, feed, feed_token
from services.notifier.core.access import Access
from services.notifier.core.coverage import coverage
from services.notifier.core.duty import Duty, duties
from services.notifier.core.picture import page
from services.notifier.core.schedule import Span
from services.notifier.rosters import Rosters
from services.notifier.store import now
from shared.runtime.database import Database
from shared.runtime.problems import Problem

At = Annotated[
    datetime | None, Query(description="The instant, with its offset; none: now (`clock()`).")
]
Role = Annotated[list[str] | None, Query(description="Only this role; may be given again.")]

Weeks = Annotated[int, Query(ge=1, le=53, description="How many weeks, from today 00:00 UTC.")]


class OnCallAnswer(BaseModel):
    """Who holds each role at an instant."""

    at: datetime
    roster: str
    version: int
    on_call: list[Duty]


def access_routes(watch: AccessWatch) -> APIRouter:
    """Return the route that says who is missing in which channel."""
    router = APIRouter(prefix="/v1", tags=["roster"])

    @router.get("/channels/access")
    async def who_is_missing_where() -> Access:
        """Return who should be in a dedicated channel and is not, looked at now."""
        return await watch.report()

    return router


def oncall_routes(
    database: Database, rosters: Rosters, calendar_secret: SecretStr | None
) -> APIRouter:
    """Return the routes that say who is on call by *rosters*.

    Calendar feeds are there only with a *calendar_secret*, from which their addresses follow.
    """
    router = APIRouter(prefix="/v1", tags=["roster"])

    @router.get("/oncall", responses={400: {"description": "A time without an offset."}})
    async def who_is_on_call(at: At = None, role: Role = None) -> OnCallAnswer:
        """Return who holds each role at an instant, since and until when, and who comes then."""
        if at is None:
            async with database.transaction() as conn:
                at = (await now(conn)).virtual
        elif at.tzinfo is None:
            raise Problem(
                status=400,
                code="no_zone",
                title="This time has no zone",
                detail="`at` is read as an instant, and says no offset",
                do="Write 2026-03-02T10:00:00Z.",
            )
        roster = rosters.current
        held = duties(roster, at, role)
        return OnCallAnswer(at=at, roster=roster.name, version=roster.version, on_call=held)

    @router.get("/oncall/coverage", response_class=HTMLResponse)
    async def what_comes(weeks: Weeks = 4) -> HTMLResponse:
        """Return the coming weeks as a page: shifts as a drawing, holes, and who is on call how much."""
        async with database.transaction() as conn:
            today = (await now(conn)).virtual.replace(hour=0, minute=0, second=0, microsecond=0)
        roster = rosters.current
        found = coverage(roster, Span(today, today + weeks * timedelta(days=7)))
        return HTMLResponse(page(found, roster.zone, f"On call: {roster.name}"))

    @router.get("/calendars/{token}/{kind}/{name}.ics", responses={404: {"description": "None."}})
    async def shifts_as_calendar(token: str, kind: Kind, name: str) -> Response:
        """Return the shifts of a schedule or a person as a calendar, a month back and half a year on.

        `token` comes from `tierline roster feeds`; whoever has the address may read.
        """
        known = "" if calendar_secret is None else calendar_secret.get_secret_value()
        expected = feed_token(known, kind, name)
        if not known or not hmac.compare_digest(token.encode(), expected.encode()):
            raise no_such_feed()
        async with database.transaction() as conn:
            moment = (await now(conn)).virtual
        span = Span(moment - timedelta(days=31), moment + timedelta(days=182))
        try:
            shown = feed(rosters.current, kind, name, span)
        except NoFeedError:
            raise no_such_feed() from None
        return Response(shown, media_type="text/calendar; charset=utf-8")

    return router


def no_such_feed() -> Problem:
    """Return what is answered to an address that is none of ours."""
    return Problem(
        status=404,
        code="no_such_feed",
        title="There is no calendar at this address",
        detail="no feed has this address, or none is set up here",
        do="Take the address that tierline roster feeds shows.",
    )
