"""Answers that need not be sent again: weak validators, and 304 where nothing has changed."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from fastapi import Request, Response
from pydantic_core import to_json

from services.tracker.freshness import Freshness
from services.tracker.replies import Reply

_PASSING: Final = frozenset({"now", "due_in_s", "lag_ms"})
"""What is another each time that it is asked, though nothing has happened."""


def answered(request: Request, reply: Reply, freshness: Freshness) -> Response:
    """Return *reply* as JSON with its validator; without a body where *request* has it already.

    The validator says that nothing has happened; how long a deadline is away is not part of it.
    """
    # The client must ask each time, but need not be sent the same again.
    tag = f'W/"{_digest(reply)}"'
    headers = {**freshness.headers(), "etag": tag, "cache-control": "private, no-cache"}
    known = _known(request.headers.get("if-none-match", ""))
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(reply.model_dump_json(), headers=headers, media_type="application/json")


def _digest(reply: Reply) -> str:
    return sha256(to_json(_lasting(reply.model_dump(mode="json")))).hexdigest()[:20]


def _lasting(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _lasting(value) for name, value in part.items() if name not in _PASSING}
    if isinstance(part, list):
        return [_lasting(one) for one in part]
    return part


def _known(if_none_match: str) -> set[str]:
    tags = {one.strip() for one in if_none_match.split(",")}
    return tags | {f"W/{one}" for one in tags if one.startswith('"')}
