"""The HTTP face that every service has: health, metrics, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.runtime.middleware import BodyLimit, Head, LastResort, SecurityHeaders
from shared.runtime.openapi import Application
from shared.runtime.problems import Problem, answer_errors, retry_after
from shared.runtime.serving import serve

__all__ = ["MAX_BODY_BYTES", "Notes", "Problem", "Ready", "retry_after", "serve", "service_app"]

MAX_BODY_BYTES: Final = 64 * 1024

Ready = Callable[[], Awaitable[Mapping[str, bool]]]
"""Says what the service needs and whether it is there now: ``{"kafka": True}``."""

Notes = Callable[[], Mapping[str, str]]
"""Says what does not keep the service from its work, but somebody should look at."""


def _nothing() -> Mapping[str, str]:
    return {}


def service_app(
    name: str,
    *,
    ready: Ready,
    notes: Notes = _nothing,
    description: str = "",
    max_body_bytes: int = MAX_BODY_BYTES,
) -> FastAPI:
    """Return an application with health, metrics, documentation and errors; add routes to it.

    ``/health/live`` says only that the process answers; ``/health/ready`` asks *ready*, and is
    503 while draining (set ``app.state.draining``); ``/metrics`` is for Prometheus.

    Args:
        name: The service's name.
        ready: What it needs just now; also called when something is away, so it must not block
            for more than a second or two.
        notes: What to look at though the service works; shown under ``/health/ready``.
        description: For the API's documentation.
        max_body_bytes: Larger bodies are answered with 413 before they are read.
    """
    app = Application(
        title=f"Tierline {name}",
        description=description,
        redoc_url=None,
        # `shared.runtime.tracing` makes the spans, of every request alike.
        telemetry={
            "auto_configure": False,
            "tracing": False,
            "metrics": False,
            "logs": False,
        },
    )
    app.state.draining = False
    _add_health(app, name, ready, notes)
    answer_errors(app)
    app.add_middleware(LastResort)
    app.add_middleware(BodyLimit, most=max_body_bytes)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Head)
    return app


def _add_health(app: FastAPI, name: str, ready: Ready, notes: Notes) -> None:
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
        answer = {"service": name, "status": "ready", "needs": needs}
        return {**answer, "notes": dict(found)} if (found := notes()) else answer

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
