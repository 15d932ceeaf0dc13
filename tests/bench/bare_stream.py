"""The least that tells many listeners over HTTP: what the tracker's stream is measured against."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator

import uvicorn
import uvloop
from fastapi import FastAPI, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent


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

    taken = socket.create_server(("127.0.0.1", 0), backlog=2048)
    entry = {"event": "listening", "port": taken.getsockname()[1]}
    sys.stderr.write(f"{json.dumps(entry)}\n")
    sys.stderr.flush()
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    config.timeout_graceful_shutdown = 1
    await uvicorn.Server(config).serve(sockets=[taken])


if __name__ == "__main__":
    uvloop.run(main())
