"""Errors over HTTP: problem documents (RFC 9457) that say what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from shared.contract.errors import TransientError
from shared.runtime.clock import jittered

log = structlog.get_logger()

PROBLEM_JSON: Final = "application/problem+json"

SECURITY_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
"""On every answer: they keep browsers from making more of it than it is."""


class Problem(Exception):  # noqa: N818  its name in RFC 9457
    """An answer that is an error: a problem document (RFC 9457) that says what to do.

    Attributes:
        status: The HTTP status.
        code: A word for programs, snake_case; stable.
        title: What kind of problem it is, one short sentence without a full stop.
        detail: What is wrong in this case.
        do: What the sender should do, one sentence.
        headers: More headers, such as ``Retry-After``.
        extra: More members of the document.
    """

    def __init__(
        self,
        *,
        status: int,
        code: str,
        title: str,
        detail: str,
        do: str,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.do = do
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def document(self) -> dict[str, Any]:
        """Return the problem document."""
        return {
            "type": f"urn:tierline:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "do": self.do,
            **self.extra,
        }

    def response(self, *, secure: bool = False) -> Response:
        """Return the document as an answer; *secure* where no middleware adds its headers."""
        headers = {**SECURITY_HEADERS, **self.headers} if secure else self.headers
        # Escaped to ASCII, since what is quoted may hold what no UTF-8 can.
        return Response(
            json.dumps(self.document()), self.status, headers=headers, media_type=PROBLEM_JSON
        )


def retry_after(most_s: int = 5) -> dict[str, str]:
    """Return a ``Retry-After`` header of 1 to *most_s* seconds, at random so that callers spread."""
    return {"retry-after": str(round(jittered(most_s, floor_s=1)))}


def invalid_request(flaws: Sequence[tuple[str, str]]) -> Problem:
    """Return what is answered where a request is wrong at these places, each with what is wrong."""
    return Problem(
        status=422,
        code="invalid_request",
        title="The request is not what this route takes",
        detail="; ".join(f"{path}: {problem}" for path, problem in flaws),
        do="Correct what `flaws` names; /docs describes the route.",
        extra={"flaws": [{"path": path, "problem": problem} for path, problem in flaws]},
    )


def invalid(error: RequestValidationError) -> Problem:
    """Return what is answered where the framework could not read a request."""
    return invalid_request(
        [(".".join(str(part) for part in one["loc"]), one["msg"]) for one in error.errors()]
    )


def internal_error(path: str, error: Exception) -> Problem:
    """Log *error* with its trace, and return what to answer instead."""
    log.error("request failed", path=path, exc_info=error)
    return Problem(
        status=500,
        code="internal_error",
        title="An error of ours",
        detail="the request could not be answered; the error is in the service's log",
        do="Try again; if it stays, tell the operators the time and the route.",
    )


def answer_errors(app: FastAPI) -> None:
    """Have *app* answer every error that its routes raise with a problem document."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(TransientError, _on_transient)


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101  registered for this class alone
    return error.response()


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class alone
    return invalid(error).response()


_KNOWN: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not_found", "Look up the routes under /docs."),
    405: ("method_not_allowed", "Use a method that /docs lists for this route."),
    413: ("too_large", "Send less at a time."),
    503: ("overloaded", "Send it again, with the same id, after the seconds in Retry-After."),
}


def http_problem(error: HTTPException) -> Problem:
    """Return the problem document for an error that says no more than a status."""
    code, do = _KNOWN.get(error.status_code, ("refused", "See /docs."))
    return Problem(
        status=error.status_code,
        code=code,
        title=str(error.detail),
        detail=str(error.detail),
        do=do,
        headers=error.headers,
    )


async def _on_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class alone
    return http_problem(error).response()


async def _on_transient(_: Request, error: Exception) -> Response:
    assert isinstance(error, TransientError)  # noqa: S101  registered for this class alone
    log.warning("answered 503", why=error.reason, error=str(error))
    return Problem(
        status=503,
        code=str(error.reason),
        title="Something this service needs is away",
        detail=str(error.reason).replace("_", " "),
        do="Try again after the seconds that Retry-After names.",
        headers=retry_after(),
    ).response()
