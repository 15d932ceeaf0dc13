"""Answers over HTTP: signed links from letters, and buttons in Slack."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, BackgroundTasks, Path, Request, Response
from fastapi.responses import HTMLResponse

from services.notifier import answer_page
from services.notifier.clerk import Clerk
from services.notifier.core.answering import Act, Seal
from services.notifier.slack_desk import SlackDesk
from services.notifier.store import now
from services.notifier.tokens import AnswerLinks, BadLinkError
from services.notifier.words import Words
from shared.runtime.database import Database
from shared.runtime.problems import Problem

Token = Annotated[str, Path(max_length=4096, description="The last part of a link.")]
_LARGEST_FORM: Final = 16 * 1024


def link_routes(database: Database, clerk: Clerk, links: AnswerLinks, words: Words) -> APIRouter:
    """Return the routes behind the links of letters."""
    router = APIRouter(prefix="/v1/answers", tags=["answers"])
    page = {"text/html": {"schema": {"type": "string"}}}
    responses: dict[int | str, dict[str, Any]] = {
        400: {"description": "No link of ours.", "content": page},
        410: {"description": "A link that was good once.", "content": page},
    }
    not_taken: dict[int | str, dict[str, Any]] = {
        409: {"description": "It was not taken; the page says why.", "content": page}
    }

    async def sealed(token: str) -> Seal:
        async with database.transaction() as conn:
            moment = await now(conn)
        return links.read(token, now=moment.virtual)

    @router.get("/{token}", response_class=HTMLResponse, responses=responses)
    async def show(token: Token) -> HTMLResponse:
        """Show what is asked; changes nothing, however often and by whomever it is fetched."""
        try:
            seal = await sealed(token)
        except BadLinkError as error:
            return _bad(error)
        known, met = await clerk.look(seal)
        contact = clerk.rosters.current.contacts.get(seal.person)
        language = (contact.language if contact is not None else None) or words.language
        veiled = bool(known and known.restricted and contact and contact.shared) and not (
            contact is not None and contact.restricted
        )
        text = answer_page.asking(
            seal, known, met, words.terms(language), veiled=veiled, language=language
        )
        return HTMLResponse(text)

    @router.post("/{token}", response_class=HTMLResponse, responses={**responses, **not_taken})
    async def take(token: Token, request: Request) -> HTMLResponse:
        """Take the answer of the person that the link is bound to."""
        try:
            seal = await sealed(token)
        except BadLinkError as error:
            return _bad(error)
        form = _form(await request.body())
        try:
            act = Act(form.pop("act", ""))
        except ValueError:
            return _page("No such answer", "Press one of the buttons of the page.", status=400)
        contact = clerk.rosters.current.contacts.get(seal.person)
        language = (contact.language if contact is not None else None) or words.language
        reply = await clerk.take(seal, act, form, terms=words.terms(language), through="link")
        return _page(seal.ticket, reply.text, status=200 if reply.taken else 409, language=language)

    return router


def slack_routes(desk: SlackDesk) -> APIRouter:
    """Return the route that Slack sends pressed buttons and filled forms to."""
    router = APIRouter(prefix="/v1/answers", tags=["answers"])

    @router.post("/slack", responses={401: {"description": "Not signed by Slack, or too old."}})
    async def slack(request: Request, later: BackgroundTasks) -> Response:
        """Take a pressed button or a filled form; Slack is answered within three seconds."""
        body = await request.body()
        if not desk.is_slack(body, dict(request.headers)):
            raise Problem(
                status=401,
                code="unauthorized",
                title="This was not signed by Slack",
                detail="its signature or its time does not hold",
                do="Set NOTIFIER_SLACK_SIGNING_SECRET to the signing secret of the Slack app.",
            )
        handled = await desk.handle(body)
        if handled.later is not None:
            later.add_task(handled.later)
        return Response(handled.body, media_type="application/json")

    return router


def _form(body: bytes) -> dict[str, str]:
    if len(body) > _LARGEST_FORM:
        return {}
    text = body.decode("utf-8", "replace")
    try:
        given = parse_qs(text, max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in given.items()}


def _bad(error: BadLinkError) -> HTMLResponse:
    return _page("This link cannot be used", str(error), status=410 if error.expired else 400)


def _page(title: str, text: str, *, status: int = 200, language: str = "en") -> HTMLResponse:
    return HTMLResponse(answer_page.page(title, [text], language=language), status_code=status)
