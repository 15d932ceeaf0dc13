"""So many bytes of bodies at the same time, whatever their number: memory is bounded by it."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.intake import metrics
from shared.runtime.problems import retry_after


class Room:
    """Refuses to read on where the bodies of all requests under way would hold too many bytes.

    A body counts from when it is read until its request is answered. What is announced does not
    count, only what has come, so that nobody takes room by promises.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most = most_bytes
        self._held = 0

    @property
    def held_bytes(self) -> int:
        """How many bytes are held just now."""
        return self._held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count what comes of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held = 0

        async def counted() -> Message:
            nonlocal held
            message = await receive()
            size = len(message.get("body", b""))
            if self._held + size > self._most:
                metrics.REFUSED.labels("overloaded").inc()
                # The one kind of error that the framework passes on from in here.
                raise HTTPException(503, "too many bodies are under way", retry_after())
            held += size
            self._held += size
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._held -= held
