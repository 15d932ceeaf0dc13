"""How a bare application is served, and says where: what baselines over HTTP have in common."""

from __future__ import annotations

import json
import socket
import sys

import uvicorn
from fastapi import FastAPI


async def serve(app: FastAPI) -> None:
    """Serve *app* on a free port, which standard error names, until SIGTERM."""
    taken = socket.create_server(("127.0.0.1", 0), backlog=2048)
    entry = {"event": "listening", "port": taken.getsockname()[1]}
    sys.stderr.write(f"{json.dumps(entry)}\n")
    sys.stderr.flush()
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve(sockets=[taken])
