"""What a run stands on: Kafka and PostgreSQL of its own, the services' processes, the far side."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from cli.embedded.kafka import KafkaServer
from cli.embedded.ports import free_ports
from cli.embedded.postgres import PostgresServer
from services.notifier.settings import DEFAULT_ROSTER
from shared.runtime.clock import Clock
from shared.runtime.migrations import migrate
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics
from tests.chaos.cast import Actor, Nursery
from tests.chaos.receiver import Receiver
from tests.chaos.schedule import ACTORS
from tests.support import servers

BEGINNING: Final = datetime.fromisoformat("2026-03-02T08:00:00+00:00")
"""A Monday on which Europe has just begun to work."""

_READERS: Final = ("ESCALATOR", "NOTIFIER", "TRACKER")

SPEED: Final = 300.0
"""Five minutes a second: in a minute a ticket lives through half a working day of its timers."""


@dataclass
class Stage:
    """Everything that a run can touch.

    Attributes:
        kafka: The broker.
        postgres: The database server.
        actors: The services' processes, by name.
        nurseries: Where more of each service come from.
        receiver: The far side of the notices.
        clock: The time that all of them have.
        folder: Where logs are.
        intake_url: Where reports go.
    """

    kafka: KafkaServer
    postgres: PostgresServer
    actors: dict[str, Actor]
    nurseries: Mapping[str, Nursery]
    receiver: Receiver
    clock: Clock
    folder: Path
    intake_url: str
    environ: Mapping[str, str]

    @property
    def access(self) -> KafkaAccess:
        """How to reach Kafka."""
        return KafkaAccess(bootstrap_servers=self.kafka.bootstrap_servers)

    @property
    def database_url(self) -> str:
        """Where the schemas are."""
        return self.postgres.url()

    def actor(self, name: str, service: str) -> Actor:
        """Return one more process of *service*, not started yet."""
        log = self.folder / f"{name}.log"
        return Actor(name, self.nurseries[service], lambda start: self._told(name, start), log)

    def _told(self, name: str, start: int) -> dict[str, str]:
        environ = dict(self.environ)
        # One escalator joins the group in every third of its lives; the other holds everything
        # beside it, so that there is a second owner all the time.
        if name != "escalator-2" or start % 3 != 2:
            environ |= {f"{service}_SHARE": "all" for service in _READERS}
        return environ


@asynccontextmanager
async def a_stage(folder: Path) -> AsyncIterator[Stage]:
    """Start servers and far side, make topics and schemas, and have the actors ready to start."""
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(Receiver())
        kafka, postgres = KafkaServer(folder), PostgresServer(folder, tuning=servers.FOR_TESTS)
        for server in (kafka, postgres):
            stack.push_async_callback(asyncio.to_thread, server.stop)
        services = sorted(set(ACTORS.values()))
        nurseries, _, _ = await asyncio.gather(
            asyncio.gather(*(Nursery.open(service) for service in services)),
            asyncio.to_thread(kafka.start),
            asyncio.to_thread(postgres.start),
        )
        for nursery in nurseries:
            stack.push_async_callback(nursery.close)
        await asyncio.gather(
            create_topics(KafkaAccess(bootstrap_servers=kafka.bootstrap_servers)),
            migrate(postgres.url()),
        )
        (port,) = free_ports(1)
        clock = Clock.starting(BEGINNING, speed=SPEED)
        url = f"http://127.0.0.1:{port}"
        stage = Stage(
            kafka,
            postgres,
            {},
            dict(zip(services, nurseries, strict=True)),
            receiver,
            clock,
            folder,
            url,
            {
                "PATH": os.environ["PATH"],
                "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
                "DATABASE_URL": postgres.url(),
                "TIERLINE_CLOCK_SPEED": repr(clock.speed),
                "TIERLINE_CLOCK_OFFSET_S": repr(clock.offset_s),
                "TIERLINE_DRAIN_DELAY_S": "0",
                "INTAKE_HTTP_PORT": str(port),
                "INTAKE_ALLOW_ANONYMOUS": "true",
                "ESCALATOR_HTTP_PORT": "0",
                # The simulation knows no allowance: an event that is late by a second is late.
                "ESCALATOR_ALLOWANCE": "PT0S",
                "NOTIFIER_HTTP_PORT": "0",
                "NOTIFIER_ROSTER_FILE": str(_roster(folder, receiver)),
                "NOTIFIER_WEBHOOK_ALLOW": f"http://127.0.0.1/32:{receiver.port}",
                "NOTIFIER_WEBHOOK_PER_S": "50",
                "NOTIFIER_PERSON_BURST": "30",
                "NOTIFIER_PERSON_EVERY": "PT1S",
                "NOTIFIER_SEND_DEADLINE": "PT5S",
                "NOTIFIER_INTAKE_URL": url,
                "TRACKER_HTTP_PORT": "0",
            },
        )
        stage.actors = {name: stage.actor(name, service) for name, service in ACTORS.items()}
        yield stage


def _roster(folder: Path, receiver: Receiver) -> Path:
    """Write the roster that ships with Tierline, everybody being reached by webhook alone."""
    plain: dict[str, Any] = yaml.safe_load(DEFAULT_ROSTER.read_text(encoding="utf-8"))
    for kind in ("people", "groups"):
        for key, one in plain[kind].items():
            del one["email"]
            one["webhook"] = {"url": f"http://127.0.0.1:{receiver.port}/{key}"}
    path = folder / "roster.yaml"
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    return path
