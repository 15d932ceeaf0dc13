"""The least that tells many listeners over HTTP: what the tracker's stream is measured against."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import uvloop
from fastapi import FastAPI, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from tests.bench.bare_http import serve


async def main() -> None:
    """Serve one stream, and a route whose body everybody on it is told."""
    app = FastAPI()
    queues: set[asyncio.Queue[str]] = set()

    @app.get("/v1/stream", response_class=EventSourceResponse)
    async def listen() -> AsyncIterator[ServerSentEvent]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        queues.add(queue)
        yield ServerSentEvent(event="place", raw_data="{}")
        while True:
            yield ServerSentEvent(event="event", raw_data=await queue.get())

    @app.post("/say", status_code=202)
    async def say(request: Request) -> None:
        said = (await request.body()).decode()
        for queue in queues:
            queue.put_nowait(said)

    await serve(app)


if __name__ == "__main__":
    uvloop.run(main())
