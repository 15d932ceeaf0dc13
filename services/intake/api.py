"""Intake over HTTP: its routes, and the short way for the one that carries all the load."""

from __future__ import annotations

from typing import Any, Final

import structlog
from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from services.intake.core.limits import MAX_ITEMS
from services.intake.core.modes import BATCH, BINARY, STRUCTURED
from services.intake.events import Intake, take_events
from shared.runtime.problems import SECURITY_HEADERS, Problem, http_problem, internal_error

log = structlog.get_logger()

EVENTS_PATH: Final = "/v1/events"

_DOCUMENTED: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "pattern": '^"?[A-Za-z0-9._:-]{1,128}"?$'},
            "description": "The id of an event that has none; in a batch, `:0`, `:1`, … follow."
            " An event that has one keeps it.",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": {"type": "object", "title": "CloudEvent"}},
            BATCH: {
                "schema": {"type": "array", "items": {"type": "object"}, "maxItems": MAX_ITEMS}
            },
            BINARY: {"schema": {"type": "object", "description": "Attributes in ce-* headers."}},
        },
    },
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    202: {"description": "Every in-sync replica has it: id, ticket, partition, offset."},
    207: {"description": "Some events of a batch were refused; each item says."},
    400: {"description": "Not JSON."},
    401: {"description": "No known API key."},
    403: {"description": "Not this key's scope or source."},
    408: {"description": "The body did not arrive."},
    413: {"description": "Larger than allowed."},
    415: {"description": "Not a content type of CloudEvents, or compressed."},
    422: {"description": "Not an event of the contract; `flaws` says where."},
    429: {"description": "More than this key's share."},
    503: {"description": "Kafka does not take it just now; send it again with the same id."},
}


def routes(intake: Intake) -> APIRouter:
    """Return intake's own routes."""
    router = APIRouter()

    @router.post(EVENTS_PATH, status_code=202, responses=_ANSWERS, openapi_extra=_DOCUMENTED)
    async def post_events(request: Request) -> Response:
        """Take one CloudEvent or a batch of them."""
        answer = await take_events(intake, request.scope, request.receive)
        return Response(answer.content, answer.status, media_type="application/json")

    return router


class ShortWay:
    """Answers POST /v1/events before any framework sees it; everything else goes to *app*.

    It does what the route of the same path does, at a third of the cost per event.
    """

    def __init__(self, app: ASGIApp, intake: Intake) -> None:
        self._app = app
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != EVENTS_PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            answer = await take_events(self._intake, scope, receive)
        except Problem as problem:
            await problem.response(secure=True)(scope, receive, send)
        except HTTPException as error:
            await http_problem(error).response(secure=True)(scope, receive, send)
        except Exception as error:  # noqa: BLE001  the last resort of a request
            await internal_error(EVENTS_PATH, error).response(secure=True)(scope, receive, send)
        else:
            length = str(len(answer.content)).encode()
            headers = [(b"content-length", length), *_HEADERS]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": answer.content})


_HEADERS: Final = (
    (b"content-type", b"application/json"),
    *((name.encode(), text.encode()) for name, text in SECURITY_HEADERS.items()),
)
