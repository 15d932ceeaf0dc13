"""A Kafka and an intake of a run's own, either of which can be killed at any moment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.embedded.kafka import KafkaServer
from cli.embedded.ports import free_ports
from shared.contract.topics import TICKET_EVENTS
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics
from tests.chaos.cast import Actor, Nursery
from tests.support.consuming import until


@dataclass(frozen=True)
class Site:
    """What a run stands on."""

    kafka: KafkaServer
    intake: Actor
    port: int
    topic: str = TICKET_EVENTS


@asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[Site]:
    """Start both, servers and logs in *folder*, and stop both in the end."""
    async with AsyncExitStack() as stack:
        kafka = KafkaServer(folder)
        stack.push_async_callback(asyncio.to_thread, kafka.stop)
        nursery, _ = await asyncio.gather(Nursery.open("intake"), asyncio.to_thread(kafka.start))
        stack.push_async_callback(nursery.close)
        await create_topics(KafkaAccess(bootstrap_servers=kafka.bootstrap_servers))
        (port,) = free_ports(1)
        environ = {
            "PATH": os.environ["PATH"],
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "TIERLINE_DRAIN_DELAY_S": "0",
            "INTAKE_HTTP_PORT": str(port),
            "INTAKE_ALLOW_ANONYMOUS": "true",
            "INTAKE_RATE_PER_S": "1000000",
            "INTAKE_RATE_BURST": "1000000",
        }
        intake = Actor("intake", nursery, lambda _: environ, folder / "intake.log")
        await intake.start()
        stack.push_async_callback(intake.stop)

        async def up() -> bool:
            return intake.up

        await until(up, within_s=60)
        yield Site(kafka, intake, port)
