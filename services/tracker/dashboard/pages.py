"""The pages for people: rendered here, complete without scripts, livelier with them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.tracker.access import Access, Who, for_all
from services.tracker.acting import Outcome
from services.tracker.api import Cursor, only_seen, question_of
from services.tracker.core.procedures import Call, Procedure, Step, procedures_of
from services.tracker.core.readers import Reader, secret_of
from services.tracker.dashboard import looks
from services.tracker.dashboard.feedback import add_feedback
from services.tracker.dashboard.forms import NOTHING, Filled, act_of, filled_from, offers
from services.tracker.dashboard.policy_page import policy_shown
from services.tracker.dashboard.posting import back_with, did_here, filled_in
from services.tracker.dashboard.routing import page_route
from services.tracker.dashboard.site import Site
from services.tracker.desk import GROUP_SOURCE
from services.tracker.freshness import MAX_WAIT_MS, Freshness
from services.tracker.replies import TicketNow, TimelinePage
from services.tracker.store_queries import Query as TicketQuery
from shared.contract.explanations import Explanation
from shared.runtime.health import Problem

log = structlog.get_logger()

_PER_TIER: Final = 20
_ENTRIES: Final = 100
_FOUND: Final = 50
_MEMBERS: Final = 200
# Real time in which the escalator has to answer; the rest of the page does not wait longer.
_PATIENCE_S: Final = 2.0
_NO_NUL: Final = r"^[^\x00]*$"

Key = Annotated[str, Path(max_length=1100, pattern=_NO_NUL)]
Given = tuple[dict[str, Any], Freshness | None]


def pages(site: Site, access: Access) -> APIRouter:
    """Return the pages' routes on *site*, for whom *access* lets in."""
    router = APIRouter(
        include_in_schema=False,
        dependencies=[Depends(access.let_in)],
        route_class=page_route(site),
    )
    _add_lists(router, site)
    _add_sums(router, site)
    _add_case(router, site)
    add_feedback(router, site)
    return router


def _add_lists(router: APIRouter, site: Site) -> None:
    desk = site.desk

    @router.get("/")
    async def board(reader: Who, *, still: bool = False) -> Response:
        async def answer() -> Given:
            stats = None if reader.source else (await desk.stats())[0]
            asked = TicketQuery(source=reader.source)
            shown, freshness = await desk.board(_PER_TIER, None, asked)
            seen = None if reader.source else site.watchdog.seen
            return {"board": shown, "stats": stats, "seen": seen}, freshness

        return await site.page("board.html", answer, here="/", live=True, still=still)

    @router.get("/search")
    async def search(
        request: Request,
        reader: Who,
        question: Annotated[TicketQuery, Depends(question_of)],
        cursor: Cursor = None,
    ) -> Response:
        async def answer() -> Given:
            asked = question.within(reader.source)
            page, freshness = await desk.tickets(asked, cursor, _FOUND)
            query = {name: text for name, text in request.query_params.items() if name != "cursor"}
            return {"page": page, "query": query}, freshness

        return await site.page("search.html", answer, here=f"/search?{request.url.query}")

    @router.get("/groups")
    async def groups(reader: Who, cursor: Cursor = None) -> Response:
        async def answer() -> Given:
            for_all(reader)
            page, freshness = await desk.groups(only_open=False, cursor=cursor, limit=_FOUND)
            return {"page": page}, freshness

        return await site.page("groups.html", answer, here="/groups", live=cursor is None)


def _add_sums(router: APIRouter, site: Site) -> None:
    @router.get("/charts")
    async def charts(reader: Who, days: Annotated[int, Query(ge=1, le=92)] = 7) -> Response:
        async def answer() -> Given:
            for_all(reader)
            history, freshness = await site.desk.history(days)
            return {"history": history, "days": days}, freshness

        return await site.page("charts.html", answer, here=f"/charts?days={days}")

    @router.get("/review")
    async def reviews(reader: Who) -> Response:
        async def answer() -> Given:
            for_all(reader)
            return {"made": await site.reviews.made()}, None

        return await site.page("reviews.html", answer, here="/review")

    @router.get("/policy")
    async def policy() -> Response:
        async def answer() -> Given:
            return {"policy": policy_shown(await site.escalator.policy_text())}, None

        return await site.page("policy.html", answer, here="/policy")


def _add_case(router: APIRouter, site: Site) -> None:
    @router.get("/tickets/{key:path}")
    async def case(
        reader: Who,
        key: Key,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
        did: Annotated[str | None, Query(max_length=256, pattern=_NO_NUL)] = None,
        draft: Annotated[str | None, Query(max_length=256, pattern=_NO_NUL)] = None,
        after: Annotated[str | None, Query(max_length=100)] = None,
        *,
        still: bool = False,
    ) -> Response:
        async def answer() -> Given:
            only_seen(reader, key)
            if after is not None:
                await site.desk.fresh_enough(after, MAX_WAIT_MS)
            given, freshness = await _case(site, reader, key, cursor, draft=draft)
            act = None if did is None else (await site.desk.act(did, reader))[0]
            return {**given, "act": act, "outcome": None}, freshness

        here = looks.link(key)
        return await site.page(
            "case.html",
            answer,
            here=here,
            # What becomes of an act is shown until the reader goes on.
            again=None if did is None else did_here(did, here),
            # A later page of the timeline is being read; it should not be pulled away.
            live=cursor is None and draft is None,
            still=still,
        )

    @router.post("/tickets/{key:path}/acts")
    async def act(reader: Who, key: Key, request: Request) -> Response:
        """Hand an act on to intake, and come back to the case with what became of it."""
        here = looks.link(key)
        form = await filled_in(request)
        only_seen(reader, key)
        outcome = await _posted(site, key, form, secret_of(request.headers.get("authorization")))
        if outcome.act_id is not None:
            return back_with(outcome.act_id, outcome.after, here)

        async def answer() -> Given:
            # What was written is kept, so that only what is missing need be added.
            kept = Filled(form, tuple(one.field for one in outcome.missing))
            given, freshness = await _case(site, reader, key, None, filled=kept)
            return {**given, "act": None, "outcome": outcome}, freshness

        return await site.page("case.html", answer, here=here, status=422)


async def _case(
    site: Site,
    reader: Reader,
    key: str,
    cursor: str | None,
    *,
    draft: str | None = None,
    filled: Filled = NOTHING,
) -> tuple[dict[str, Any], Freshness]:
    ticket, freshness = await site.desk.ticket(key)
    entries, _ = await site.desk.timeline(key, cursor, _ENTRIES, newest_first=True)
    first = cursor is None
    of_group = key if key.startswith(f"{GROUP_SOURCE}:") else ticket.group
    members = []
    if of_group is not None and first:
        asked = TicketQuery(group=of_group, source=reader.source)
        members = (await site.desk.tickets(asked, None, _MEMBERS))[0].items
    reasons = await _reasons(site, key) if first else None
    return {
        "ticket": ticket,
        "timeline": entries,
        "first": first,
        "reasons": reasons,
        # The tracker knows what was used when a decision last said so, the escalator what is now.
        "used_now": {} if reasons is None else {one.name: one for one in reasons.timers},
        "procedures": _procedures(ticket, in_group=of_group is not None)
        if site.has_handbook
        else (),
        "group": of_group,
        "members": members,
        "acts": await _acts(site, reader, ticket, entries, draft, filled)
        if site.intake.is_there and first
        else None,
    }, freshness


async def _acts(
    site: Site,
    reader: Reader,
    ticket: TicketNow,
    entries: TimelinePage,
    draft: str | None,
    filled: Filled,
) -> dict[str, Any]:
    """Return what *reader* may do to *ticket* from its page."""
    if not reader.may_act:
        return {"allowed": False}
    drafts, _ = await site.desk.drafts(ticket.key)
    filled = next((filled_from(one) for one in drafts if one.id == draft), filled)
    # Each decision on an escalation says what is still owed; the newest comes first.
    debts: dict[str, Any] = {}
    for entry in entries.items:
        if entry.kind == "decision" and "info_debt" in entry.data:
            debts.setdefault(entry.data["escalation_id"], entry.data["info_debt"])
    owed = {one: debt["fields"] for one, debt in debts.items() if debt}
    on_escalations, on_case = offers(ticket, owed, filled)
    return {
        "allowed": True,
        "roles": sorted(reader.roles or ()),
        "drafts": drafts,
        "on_escalations": on_escalations,
        "on_case": on_case,
    }


def _procedures(ticket: TicketNow, *, in_group: bool) -> list[Procedure]:
    calls = tuple(
        Call(one.track, one.target, one.ack_due is not None and one.acknowledged_by is None)
        for one in ticket.escalations
    )
    return procedures_of(
        Step(
            ticket.status,
            ticket.tier,
            ticket.priority,
            is_open=ticket.open,
            flags=tuple(ticket.flags),
            vip=ticket.customer.vip,
            in_group=in_group,
            calls=calls,
        )
    )


async def _posted(site: Site, key: str, form: Mapping[str, str], secret: str | None) -> Outcome:
    try:
        act = act_of(form)
    except ValueError as error:
        return Outcome(said=("The form cannot be read", str(error)))
    return await site.intake.post(key, act, secret)


async def _reasons(site: Site, key: str) -> Explanation | None:
    """Return why *key* stands as it does; None where that cannot be had at once."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await site.escalator.explanation(key)
    except (Problem, TimeoutError) as error:
        log.info("page without reasons", ticket=key, why=str(error))
        return None
