"""Questions over HTTP: a parameter that a route does not know is refused, not passed over."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from fastapi import Request
from fastapi.dependencies.models import Dependant

from shared.runtime.problems import invalid_request


async def only_known(request: Request) -> None:
    """Refuse parameters that the route does not take; a dependency of routes that read.

    A misspelt filter lets everything through, and nobody would notice.

    Raises:
        Problem: 422, naming each of them.
    """
    known = sorted(set(_parameters(request.scope["route"].dependant)))
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise invalid_request([(f"query.{name}", _said(name, known)) for name in unknown])


def _parameters(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for needed in dependant.dependencies:
        yield from _parameters(needed)


def _said(name: str, known: list[str]) -> str:
    (meant,) = get_close_matches(name, known, n=1) or ("",)
    if meant:
        return f"There is no such parameter; did you mean {meant}?"
    return f"There is no such parameter; there are {', '.join(known) or 'none'}"
