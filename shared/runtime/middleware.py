"""What every request passes through: bounds on its body, headers on its answer, a last resort."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.runtime.problems import SECURITY_HEADERS, Problem, internal_error

# The API's documentation is a page with scripts; everything else here is data.
_PAGES: Final = ("/docs", "/redoc")


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


class Head:
    """Answers HEAD as it would GET, without the body; a route takes the methods it names alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a HEAD on as a GET, and end its answer behind the headers."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        ended = False

        async def headers_alone(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            if message["type"] == "http.response.body":
                # A stream hears by this that nobody listens to it.
                ended = True
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, headers_alone)


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
            await internal_error(scope["path"], error).response()(scope, receive, send)
