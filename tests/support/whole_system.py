"""The whole system for tests: the stack of `tierline up` on the run's servers, and a client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from cli.stack import PORTS, Plan, Stack

STRUCTURED = {"content-type": "application/cloudevents+json"}


@dataclass(frozen=True)
class Site:
    """Where a test's system stands, and what is told to it beside."""

    home: Path
    kafka: str
    database_url: str
    topic_prefix: str

    def plan(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        services: tuple[str, ...] = tuple(PORTS),
    ) -> Plan:
        """Return the plan of *services* here, on free ports, told *variables* beside."""
        ports = {f"{name.upper()}_HTTP_PORT": "0" for name in services}
        environ = {"KAFKA_BOOTSTRAP_SERVERS": self.kafka, "DATABASE_URL": self.database_url}
        return Plan(
            self.home,
            {**environ, **ports, **(variables or {})},
            self.topic_prefix,
            services=services,
        )


@asynccontextmanager
async def running(plan: Plan) -> AsyncIterator[Stack]:
    """Give the stack of *plan*, on the world's time, its services ready."""
    async with Stack(plan, lambda _: None) as stack:
        yield stack


async def post(client: httpx2.AsyncClient, stack: Stack, **event: Any) -> None:
    """Post one event through intake, and see it accepted."""
    body = {"specversion": "1.0", "source": "desk", "subject": "A", **event}
    answer = await client.post(f"{stack.url('intake')}/v1/events", json=body, headers=STRUCTURED)
    assert answer.status_code == 202, answer.text


async def read(client: httpx2.AsyncClient, url: str, **query: str | int) -> Mapping[str, Any]:
    """Return what is at *url*; nothing while there is nothing."""
    answer = await client.get(url, params=query)
    if answer.status_code == 404:
        return {}
    assert answer.status_code == 200, answer.text
    found: Mapping[str, Any] = answer.json()
    return found
