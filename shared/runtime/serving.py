"""Serve an application until told to stop, and then not a request less."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp
from typing_extensions import override

from shared.runtime.tracing import Traced

log = structlog.get_logger()

_IN_FLIGHT_S: Final = 10


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
        Traced(front or app),
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
