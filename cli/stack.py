"""The whole system on this machine: Kafka, PostgreSQL, topics, schemas, and the four services.

`tierline up` and `tierline demo` run it, and so do the tests that need everything at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cli.child import HOST, Service
from cli.embedded.kafka import KafkaServer
from cli.embedded.ports import free_ports, is_free
from cli.embedded.postgres_settings import PostgresTuning
from cli.embedded.servers import Addresses, Servers
from shared.runtime.clock import Clock
from shared.runtime.migrations import SERVICES, migrate
from shared.runtime.settings import RuntimeSettings, SettingsError
from shared.runtime.topics import create_topics

PORTS: Final[Mapping[str, int]] = {
    "intake": 8081,
    "escalator": 8082,
    "notifier": 8083,
    "tracker": 8084,
}
"""The services, in the order in which an event passes them, and the port that each prefers."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run.

    Attributes:
        home: The folder that keeps data and logs.
        environ: What the services are told beside what follows from the plan. `KAFKA_…` and
            `DATABASE_URL` name servers that exist already; `<SERVICE>_HTTP_PORT` fixes a port.
        topic_prefix: What stands before every topic's name.
        services: Which services.
        durable: Whether PostgreSQL waits for the disk; not needed for data that are thrown away.
    """

    home: Path
    environ: Mapping[str, str]
    topic_prefix: str = ""
    services: tuple[str, ...] = tuple(PORTS)
    durable: bool = True


def fetch_servers(environ: Mapping[str, str]) -> None:
    """Fetch Kafka where it has to be run here and was never fetched, showing progress.

    Call it before there is an event loop: an interrupt ends the download then.

    Raises:
        EmbeddedError: It cannot be had, or is not the locked one.
    """
    if not environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        KafkaServer(Path()).fetch_jars()


class Stack:
    """Everything of a `Plan`, as a context: servers, topics and schemas are there on entry.

    `serve` then starts the services. Whatever runs is stopped on exit.
    """

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        """Describe the stack; nothing happens before it is entered.

        Args:
            plan: What is to be run.
            tell: Called with one line for each step, and when a service is started again.
        """
        self.plan = plan
        self.services: dict[str, Service] = {}
        self._tell = tell
        self._servers = Servers(
            plan.home, plan.environ, postgres_tuning=PostgresTuning(durable=plan.durable)
        )
        self._ports: dict[str, int] = {}
        self._kept: list[asyncio.Task[None]] = []

    @property
    def addresses(self) -> Addresses:
        """Where Kafka and PostgreSQL are."""
        return self._servers.addresses

    def url(self, service: str) -> str:
        """Return where *service* is reached."""
        return self.services[service].url

    async def __aenter__(self) -> Self:
        """Start what is not there: servers, topics, schemas.

        Raises:
            EmbeddedError: A server did not start; what had been started is stopped again.
            SettingsError: A variable of the plan's environment means nothing.
            TransientError: A server that was named does not answer.
        """
        self._ports = dict(_ports(self.plan.services, self.plan.environ))
        try:
            self._tell("starting Kafka and PostgreSQL")
            await _whole(self._servers.start)
            self._tell("making topics and schemas")
            access = RuntimeSettings.from_env(self._variables(Clock())).kafka
            await asyncio.gather(
                create_topics(access, prefix=self.plan.topic_prefix),
                migrate(self.addresses.database_url),
            )
        except BaseException:
            await self._stop_servers()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop_services()
        await self._stop_servers()

    async def serve(self, clock: Clock) -> None:
        """Start the services on *clock*, and return when all are ready.

        From then on, one that ends is started again.

        Raises:
            EmbeddedError: One did not start, or refuses to; see its log.
        """
        self._tell(f"starting {', '.join(self.plan.services)}")
        variables = self._variables(clock)
        self.services = {
            name: Service(name, self.plan.home, variables, self._ports[name])
            for name in self.plan.services
        }
        await _all(service.start() for service in self.services.values())
        await _all(service.until_ready() for service in self.services.values())
        self._kept = [
            asyncio.create_task(service.keep(self._tell), name=f"keep {service.name}")
            for service in self.services.values()
        ]

    async def until_broken(self) -> None:
        """Run until cancelled.

        Raises:
            ServiceRefusedError: A service says that a person must act.
        """
        await asyncio.gather(*self._kept)

    async def stop_services(self) -> None:
        """Have the services drain and end; `serve` may start them anew, on another clock too."""
        for task in self._kept:
            task.cancel()
        if self._kept:
            await asyncio.wait(self._kept)
        self._kept = []
        await _all(service.stop() for service in self.services.values())

    async def _stop_servers(self) -> None:
        await asyncio.to_thread(self._servers.stop)

    def _variables(self, clock: Clock) -> dict[str, str]:
        """Return the environment of every service; what the caller has set stays as it is."""
        environ = dict(self.plan.environ)
        if "INTAKE_KEYS_FILE" not in environ:
            environ.setdefault("INTAKE_ALLOW_ANONYMOUS", "true")
        for service in SERVICES:
            # Each runs once here: one that comes back need not wait until Kafka forgets the other.
            environ.setdefault(f"{service.upper()}_SHARE", "all")
        for name, service in _ADDRESSES.items():
            if service in self._ports:
                environ.setdefault(name, f"http://{HOST}:{self._ports[service]}")
        return {
            "TIERLINE_DRAIN_DELAY_S": "0",  # no load balancer here has to notice
            **environ,
            "KAFKA_BOOTSTRAP_SERVERS": self.addresses.bootstrap_servers,
            "DATABASE_URL": self.addresses.database_url,
            "TIERLINE_TOPIC_PREFIX": self.plan.topic_prefix,
            "TIERLINE_CLOCK_SPEED": repr(clock.speed),
            "TIERLINE_CLOCK_OFFSET_S": repr(clock.offset_s),
        }


_ADDRESSES: Final[Mapping[str, str]] = {
    "INTAKE_ESCALATOR_URL": "escalator",
    "NOTIFIER_INTAKE_URL": "intake",
    "NOTIFIER_ESCALATOR_URL": "escalator",
    "NOTIFIER_PUBLIC_URL": "tracker",
    "TRACKER_ESCALATOR_URL": "escalator",
    "TRACKER_INTAKE_URL": "intake",
}
"""The variables that say where one service finds another."""


def _ports(services: Iterable[str], environ: Mapping[str, str]) -> Iterable[tuple[str, int]]:
    """Yield each service's port: the one that is asked for, the usual one, or a free one."""
    for name in services:
        variable = f"{name.upper()}_HTTP_PORT"
        given = environ.get(variable) or "0"
        if not given.isdecimal():
            msg = f"{variable} is {given!r}; set it to a port, or to 0 for a free one"
            raise SettingsError(msg)
        usual = PORTS[name] if variable not in environ and is_free(PORTS[name]) else 0
        yield name, int(given) or usual or free_ports(1)[0]


async def _whole(step: Callable[[], object]) -> None:
    """Run *step* in a thread; a cancellation waits for its end, so that what began can be undone."""
    running = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


async def _all(steps: Iterable[Awaitable[None]]) -> None:
    """Run *steps* together and wait for every one, also where some fail; then raise the first."""
    done = await asyncio.gather(*steps, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
