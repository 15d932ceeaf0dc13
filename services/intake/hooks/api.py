"""Webhooks over HTTP: where helpdesks post, and what came last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from services.intake.core.hooks import signing
from services.intake.events import read_body, refuse_encoded, stamp
from services.intake.hooks import problems
from services.intake.hooks.taking import MAX_HOOK_BYTES, Hooks, receipt, take_hook
from shared.access.keys import Scope

HOOKS_PATH: Final = "/v1/hooks"

_DOCUMENTED: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"description": "As the product posts it."}}},
    }
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "It tells nothing of a ticket; `ignored` says why. Nothing is kept."},
    202: {
        "description": "Every in-sync replica has its events: ids, tickets, partitions, offsets."
    },
    401: {"description": "Neither a signature nor an API key proves it, or the signature is old."},
    403: {"description": "The key is another source's."},
    404: {"description": "No source of that name."},
    408: {"description": "The body did not arrive."},
    413: {"description": "Larger than allowed."},
    415: {"description": "It is compressed."},
    422: {"description": "The mapping cannot read it; `flaws` says where. The body is kept."},
    429: {"description": "More than this source's share."},
    503: {"description": "Kafka does not take it just now; send it again."},
}
_LOOKED_AT: Final[dict[int | str, dict[str, Any]]] = {
    401: {"description": "No known API key or token."},
    403: {"description": "It lacks the scope, or is another source's."},
    404: {"description": "No source of that name, or nothing was posted to it yet."},
    429: {"description": "Too many guesses."},
}


def hook_routes(hooks: Hooks) -> APIRouter:
    """Return the routes of webhooks."""
    router = APIRouter()

    @router.post(
        f"{HOOKS_PATH}/{{source}}", status_code=202, responses=_ANSWERS, openapi_extra=_DOCUMENTED
    )
    async def post_hook(source: str, request: Request) -> Response:
        """Take what a helpdesk posts of its own, and publish the events that it tells."""
        found = hooks.source(source)
        encoding = request.headers.get("content-encoding")
        refuse_encoded(None if encoding is None else encoding.encode("latin-1"))
        announced = request.headers.get("content-length")
        body = await read_body(
            None if announced is None else announced.encode(), request.receive, MAX_HOOK_BYTES
        )
        came = signing.Request(
            request.method, found.public_url or str(request.url), dict(request.headers), body
        )
        taken = await take_hook(hooks, found, came, request.scope["client"])
        return _answer(receipt(found, taken), 202 if taken.events else 200)

    @router.get(f"{HOOKS_PATH}/{{source}}/last", responses=_LOOKED_AT)
    async def last_hook(source: str, request: Request) -> Response:
        """Return the last body of a source beside the mapping that read it, without secrets.

        It is this process's last one, and gone with it. Needs a key with the scope `operate`.
        """
        authorization = request.headers.get("authorization")
        caller = await hooks.access.admit(authorization, request.scope["client"], Scope.OPERATE)
        found = hooks.source(source)
        if not caller.speaks_for(found.name):
            raise problems.foreign_key(found.name, ", ".join(sorted(caller.sources or ())))
        last = hooks.latest.of(found.name)
        if last is None:
            raise problems.none_yet(found.name)
        return _answer(
            {
                "source": found.name,
                "received_at": stamp(last.at),
                "headers": last.headers,
                "body": last.body,
                "mapping": found.mapping.model_dump(
                    mode="json", exclude_unset=True, exclude={"setup"}
                ),
                "events": [
                    {name: one[name] for name in ("id", "type", "subject", "time")}
                    for one in last.story.events
                ],
                "ignored": last.story.ignored,
                "unknown": [asdict(one) for one in last.story.unknown],
                "flaws": [asdict(one) for one in last.story.flaws],
                "unread": last.unread,
            }
        )

    return router


def _answer(content: Mapping[str, Any], status: int = 200) -> Response:
    # Escaped to ASCII, since what is quoted may hold what no UTF-8 can.
    return Response(json.dumps(content), status, media_type="application/json")
