"""POST /v1/events: CloudEvents in, 202 once all in-sync replicas have them.

The body is read by hand: it is parsed once, and what is published are the sender's own keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json
from starlette.requests import ClientDisconnect

from services.intake import problems
from services.intake.access import Access
from services.intake.core.keys import ApiKey, Scope
from services.intake.core.limits import MAX_BATCH_BYTES, MAX_EVENT_BYTES, MAX_ITEMS, parse
from services.intake.core.modes import BATCH, BINARY, STRUCTURED, Mode, from_binary, mode_of
from services.intake.core.report import Accepted, ForeignSourceError, IdFrom, accept
from services.intake.ingest import Ingest
from shared.contract.errors import InvalidEventError, TransientError
from shared.runtime.health import Problem
from shared.runtime.kafka import Landed, PublisherBrokenError, PublishFailedError

_BODY_WITHIN_S: Final = 15.0

_DOCUMENTED: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
            "description": "The id of an event that has none; in a batch, `:0`, `:1`, … follow.",
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
    415: {"description": "Not a content type of CloudEvents."},
    422: {"description": "Not an event of the contract; `flaws` says where."},
    429: {"description": "More than this key's share."},
    503: {"description": "Kafka does not take it just now; send it again with the same id."},
}


@dataclass(frozen=True, slots=True)
class Intake:
    """What the routes need."""

    access: Access
    ingest: Ingest
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Post:
    """One request's circumstances, the same for each of its events."""

    key: ApiKey
    received_at: str
    idempotency_key: str | None


def routes(intake: Intake) -> APIRouter:
    """Return intake's own routes."""
    router = APIRouter(prefix="/v1")

    @router.post("/events", status_code=202, responses=_ANSWERS, openapi_extra=_DOCUMENTED)
    async def post_events(request: Request) -> Response:
        """Take one CloudEvent or a batch of them."""
        key = intake.access.let_in(request, Scope.INGEST)
        mode = mode_of(request.headers.get("content-type"), request.headers.keys())
        if mode is None:
            raise problems.unsupported_media()
        body = await _body(request, MAX_BATCH_BYTES if mode is Mode.BATCH else MAX_EVENT_BYTES)
        post = _Post(key, _rfc3339(intake.now()), request.headers.get("idempotency-key"))
        try:
            content = parse(body)
        except InvalidEventError as error:
            raise problems.invalid(error) from None
        if mode is Mode.BATCH:
            return await _take_batch(intake, post, content)
        if mode is Mode.BINARY:
            return await _take_one(intake, post, from_binary(request.headers.items(), content))
        return await _take_one(intake, post, content, body)

    return router


async def _body(request: Request, most: int) -> bytes:
    try:
        announced = int(request.headers.get("content-length", "0"))
        if announced > most:
            raise problems.body_too_large(most)
        async with asyncio.timeout(_BODY_WITHIN_S):
            body = await request.body()
    except (ClientDisconnect, TimeoutError, ValueError):
        raise problems.slow_body() from None
    if len(body) > most:
        raise problems.body_too_large(most)
    return body


async def _take_one(
    intake: Intake, post: _Post, report: object, text: bytes | None = None
) -> Response:
    event = _accepted(report, post, post.idempotency_key, text)
    if isinstance(event, Problem):
        raise event
    intake.access.count(post.key, 1)
    (landed,) = await _published(intake, [event])
    return _answer(202, _receipt(event, landed, post))


async def _take_batch(intake: Intake, post: _Post, content: object) -> Response:
    if not isinstance(content, list):
        raise problems.not_a_batch()
    if len(content) > MAX_ITEMS:
        raise problems.too_many_items(len(content), MAX_ITEMS)
    intake.access.count(post.key, len(content))
    named = post.idempotency_key
    outcomes = [
        _accepted(report, post, None if named is None else f"{named}:{number}")
        for number, report in enumerate(content)
    ]
    events = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    landed = iter(await _published(intake, events))
    results = [
        {"status": outcome.status, "problem": outcome.document()}
        if isinstance(outcome, Problem)
        else {"status": 202, **_receipt(outcome, next(landed), post)}
        for outcome in outcomes
    ]
    return _answer(202 if len(events) == len(outcomes) else 207, results)


def _accepted(
    report: object, post: _Post, idempotency_key: str | None, text: bytes | None = None
) -> Accepted | Problem:
    try:
        return accept(
            report,
            received_at=post.received_at,
            bound_source=post.key.source,
            idempotency_key=idempotency_key,
            text=text,
        )
    except InvalidEventError as error:
        return problems.invalid(error)
    except ForeignSourceError as error:
        return problems.foreign_source(error)


async def _published(intake: Intake, events: list[Accepted]) -> list[Landed]:
    try:
        return await intake.ingest.take(events)
    except TransientError as error:
        raise problems.away(error) from error
    except PublisherBrokenError as error:
        # The process ends over it; the sender's remedy is the same.
        raise problems.away(PublishFailedError(str(error))) from error


def _receipt(event: Accepted, landed: Landed, post: _Post) -> dict[str, Any]:
    receipt = {
        "id": event.id,
        "ticket": event.ticket,
        "partition": landed.partition,
        "offset": landed.offset,
        "received_at": post.received_at,
    }
    if event.id_from is not IdFrom.EVENT:
        receipt["id_from"] = event.id_from.value
    return receipt


def _answer(status: int, content: object) -> Response:
    return Response(to_json(content), status, media_type="application/json")


def _rfc3339(at: datetime) -> str:
    return f"{at.isoformat()[:-6]}Z"
