"""The HTTP face that every service has: health, metrics, and errors that say what to do."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from shared.contract.errors import TransientError
from shared.runtime.clock import jittered

log = structlog.get_logger()

PROBLEM_JSON: Final = "application/problem+json"
MAX_BODY_BYTES: Final = 64 * 1024
_IN_FLIGHT_S: Final = 10

Ready = Callable[[], Awaitable[Mapping[str, bool]]]
"""Says what the service needs and whether it is there now: ``{"kafka": True}``."""

SECURITY_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
"""On every answer: they keep browsers from making more of it than it is."""

# The API's documentation is a page with scripts; everything else here is data.
_PAGES: Final = ("/docs", "/redoc")


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


def service_app(
    name: str, *, ready: Ready, description: str = "", max_body_bytes: int = MAX_BODY_BYTES
) -> FastAPI:
    """Return an application with health, metrics, documentation and errors; add routes to it.

    ``/health/live`` says only that the process answers; ``/health/ready`` asks *ready*, and is
    503 while draining (set ``app.state.draining``); ``/metrics`` is for Prometheus.

    Args:
        name: The service's name.
        ready: What it needs just now; also called when something is away, so it must not block
            for more than a second or two.
        description: For the API's documentation.
        max_body_bytes: Larger bodies are answered with 413 before they are read.
    """
    app = FastAPI(
        title=f"Tierline {name}",
        description=description,
        redoc_url=None,
        telemetry={"operation_spans": False, "logs": False},
    )
    app.state.draining = False
    _add_health(app, name, ready)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(TransientError, _on_transient)
    app.add_middleware(LastResort)
    app.add_middleware(BodyLimit, most=max_body_bytes)
    app.add_middleware(SecurityHeaders)
    return app


async def serve(
    app: FastAPI,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    drain_delay_s: float = 5.0,
    front: ASGIApp | None = None,
) -> None:
    """Serve *app* until *stop* is set and what was under way is answered.

    Then it is unready for *drain_delay_s*, stops listening, and has 10 s for open requests.

    Args:
        app: From `service_app`.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        stop: Set it to have it drain.
        drain_delay_s: For load balancers to notice, real seconds.
        front: What takes the requests, where something stands before *app*.

    Raises:
        OSError: The port is taken.
    """
    config = uvicorn.Config(
        front or app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_IN_FLIGHT_S,
        lifespan="off",
    )
    server = _Server(config)
    # Bound here, since uvicorn would end the process over a taken port without saying which.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.create_server((host, port), family=family, backlog=2048)
    serving = asyncio.create_task(server.serve(sockets=[taken]))
    stopping = asyncio.create_task(stop.wait())
    log.info("listening", host=host, port=taken.getsockname()[1])
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            app.state.draining = True
            await asyncio.sleep(drain_delay_s)
    finally:
        stopping.cancel()
        server.should_exit = True
        await asyncio.wait({serving})
        taken.close()
    serving.result()


class _Server(uvicorn.Server):
    """uvicorn, but signals are the process's business."""

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _add_health(app: FastAPI, name: str, ready: Ready) -> None:
    @app.get("/health/live", tags=["health"])
    async def live() -> dict[str, str]:
        """Say that the process answers."""
        return {"service": name, "status": "live"}

    @app.get("/health/ready", tags=["health"], responses={503: {"description": "Not now."}})
    async def is_ready() -> dict[str, Any]:
        """Say whether the service can do its work now."""
        needs = dict(await ready())
        if app.state.draining or not all(needs.values()):
            missing = sorted(need for need, there in needs.items() if not there)
            raise Problem(
                status=503,
                code="draining" if app.state.draining else "not_ready",
                title="Not ready",
                detail="it is shutting down" if app.state.draining else f"away: {missing}",
                do="Ask another instance, or try again later.",
                headers=retry_after(),
                extra={"needs": needs},
            )
        return {"service": name, "status": "ready", "needs": needs}

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def retry_after(most_s: int = 5) -> dict[str, str]:
    """Return a ``Retry-After`` header of 1 to *most_s* seconds, at random so that callers spread."""
    return {"retry-after": str(round(jittered(most_s, floor_s=1)))}


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101  registered for this class alone
    return error.response()


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class alone
    flaws = [
        {"path": ".".join(str(part) for part in flaw["loc"]), "problem": flaw["msg"]}
        for flaw in error.errors()
    ]
    return Problem(
        status=422,
        code="invalid_request",
        title="The request is not what this route takes",
        detail="; ".join(f"{flaw['path']}: {flaw['problem']}" for flaw in flaws),
        do="Correct what `flaws` names; /docs describes the route.",
        extra={"flaws": flaws},
    ).response()


_KNOWN: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not_found", "Look up the routes under /docs."),
    405: ("method_not_allowed", "Use a method that /docs lists for this route."),
    413: ("too_large", "Send less at a time."),
}


async def _on_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class alone
    code, do = _KNOWN.get(error.status_code, ("refused", "See /docs."))
    return Problem(
        status=error.status_code,
        code=code,
        title=str(error.detail),
        detail=str(error.detail),
        do=do,
        headers=error.headers,
    ).response()


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


class SecurityHeaders:
    """Adds the headers that keep browsers from making more of an answer than it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to the answer."""
        if scope["type"] != "http" or scope["path"].startswith(_PAGES):
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, text in SECURITY_HEADERS.items():
                    headers.setdefault(name, text)
            await send(message)

        await self._app(scope, receive, with_headers)


class BodyLimit:
    """Refuses bodies that are too large: announced ones unread, others as soon as they show it."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count what comes of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > self._most:
            await self._problem().response()(scope, receive, send)
            return
        size = 0

        async def counting() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._most:
                # FastAPI turns any other error in here into a 400.
                raise HTTPException(413, "The body is larger than allowed")
            return message

        await self._app(scope, counting, send)

    def _problem(self) -> Problem:
        return Problem(
            status=413,
            code="too_large",
            title="The body is larger than allowed",
            detail=f"more than {self._most} bytes",
            do=f"Send at most {self._most} bytes at a time.",
        )


class LastResort:
    """Turns an error that nobody handled into a problem document without a trace of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer 500 if that fails before anything was said."""
        said = False

        async def noting(message: Message) -> None:
            nonlocal said
            said = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if scope["type"] != "http" or said:
                raise
            await internal_error(scope, error).response()(scope, receive, send)


def internal_error(scope: Scope, error: Exception) -> Problem:
    """Log *error* with its trace, and return what to answer instead."""
    log.error("request failed", path=scope["path"], exc_info=error)
    return Problem(
        status=500,
        code="internal_error",
        title="An error of ours",
        detail="the request could not be answered; the error is in the service's log",
        do="Try again; if it stays, tell the operators the time and the route.",
    )
