"""Cursors: where a page ended, sealed for the question that it belongs to."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

from pydantic_core import from_json, to_json

from shared.runtime.health import Problem

_FIRST_TOO_LARGE = 2**63


def seal(question: str, place: list[Any]) -> str:
    """Return the cursor for the rows after *place* of the answer to *question*."""
    return urlsafe_b64encode(to_json([_digest(question), *place])).decode().rstrip("=")


def unseal(question: str, cursor: str, *, kinds: tuple[type, ...]) -> list[Any]:
    """Return the place that `seal` put into *cursor*, one part of each of *kinds*.

    Raises:
        Problem: It is no cursor, or one of another question.
    """
    try:
        content = from_json(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        content = None
    if (
        not isinstance(content, list)
        or len(content) != len(kinds) + 1
        or content[0] != _digest(question)
        or not all(_may_be(part, kind) for part, kind in zip(content[1:], kinds, strict=True))
    ):
        raise foreign()
    return content[1:]


def _may_be(part: object, kind: type) -> bool:
    """Whether *part* is of *kind*, and something that the database can be asked with."""
    if type(part) is not kind:
        return False
    if isinstance(part, str):
        return "\0" not in part
    return isinstance(part, int) and 0 <= part < _FIRST_TOO_LARGE


def foreign() -> Problem:
    """Return the error for a cursor that was given by no such question."""
    return Problem(
        status=422,
        code="invalid_cursor",
        title="The cursor does not belong to this question",
        detail="cursor: not one that this question has given",
        do="Ask with the same filters and sort as the page that gave it, or without a cursor.",
    )


def _digest(question: str) -> str:
    return sha256(question.encode()).hexdigest()[:12]
