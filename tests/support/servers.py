"""Where the tests' Kafka and PostgreSQL come from: embedded, containers or external.

``TIERLINE_TEST_SERVERS`` says which; the tests are the same on all three. One server of each kind
serves the whole run, also under pytest-xdist: the worker that first needs one starts it and stops
it when no other worker uses it any more.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import pytest

from cli.embedded.kafka import KafkaServer
from cli.embedded.kafka_probe import ask_broker
from cli.embedded.ports import free_ports
from cli.embedded.postgres import PostgresServer
from cli.embedded.postgres_settings import PostgresTuning

SETTING = "TIERLINE_TEST_SERVERS"
FOR_TESTS = PostgresTuning(durable=False)
KAFKA_IMAGE = "apache/kafka:4.4.0"
POSTGRES_IMAGE = "postgres:18"


class Provider(StrEnum):
    """Who provides the servers."""

    EMBEDDED = "embedded"
    CONTAINERS = "containers"
    EXTERNAL = "external"


def provider(environ: Mapping[str, str]) -> Provider:
    """Return the provider that *environ* asks for, refusing one that cannot work here."""
    asked = environ.get(SETTING, Provider.EMBEDDED)
    try:
        chosen = Provider(asked)
    except ValueError:
        known = ", ".join(Provider)
        msg = f"{SETTING}={asked} is not one of {known}"
        raise pytest.UsageError(msg) from None
    if chosen is Provider.EXTERNAL:
        missing = [
            name for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL") if not environ.get(name)
        ]
        if missing:
            msg = f"{SETTING}=external also needs {' and '.join(missing)}"
            raise pytest.UsageError(msg)
    if chosen is Provider.CONTAINERS and (reason := no_engine()):
        msg = f"{SETTING}=containers: {reason}"
        raise pytest.UsageError(msg)
    return chosen


def no_engine() -> str | None:
    """Return why containers cannot be run here, or None if they can."""
    # In a process of its own: the client leaves its socket open when nobody answers, and half a
    # second of imports with it.
    asked = subprocess.run(
        [sys.executable, "-c", "import docker; docker.from_env(timeout=5).ping()"],
        check=False,
        capture_output=True,
        text=True,
    )
    if asked.returncode == 0:
        return None
    return f"no container engine answers: {asked.stderr.strip().splitlines()[-1]}"


@contextmanager
def kafka_source(chosen: Provider) -> Iterator[str]:
    """Provide a Kafka; yields its bootstrap servers."""
    if chosen is Provider.EXTERNAL:
        yield os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    elif chosen is Provider.CONTAINERS:
        with kafka_container() as address:
            yield address
    else:
        with own_kafka() as server:
            yield server.bootstrap_servers


@contextmanager
def postgres_source(chosen: Provider) -> Iterator[str]:
    """Provide a PostgreSQL; yields the URL of a superuser's database."""
    if chosen is Provider.EXTERNAL:
        yield os.environ["DATABASE_URL"]
    elif chosen is Provider.CONTAINERS:
        with postgres_container() as url:
            yield url
    else:
        with own_postgres() as server:
            yield server.url()


@contextmanager
def server_home() -> Iterator[Path]:
    """A folder for an embedded server, removed afterwards.

    Not in pytest's own temporary folder: every later run makes that one private again, and a
    PostgreSQL that root starts as another user could not come back in it.
    """
    with TemporaryDirectory(prefix="tierline-test-") as folder:
        yield Path(folder)


@contextmanager
def own_kafka() -> Iterator[KafkaServer]:
    """Run an embedded Kafka, whatever the provider of the shared one is."""
    with server_home() as home:
        server = KafkaServer(home)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def own_postgres() -> Iterator[PostgresServer]:
    """Run an embedded PostgreSQL, whatever the provider of the shared one is."""
    with server_home() as home:
        server = PostgresServer(home, tuning=FOR_TESTS)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def kafka_container() -> Iterator[str]:
    """Run Apache's Kafka image; yields its bootstrap servers."""
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    (port,) = free_ports(1)
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
    host = container.get_docker_client().host()
    for name, value in {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{host}:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }.items():
        container.with_env(name, value)
    with container:
        until_kafka_answers(host, port, within_s=60)
        yield f"{host}:{port}"


@contextmanager
def postgres_container() -> Iterator[str]:
    """Run PostgreSQL's image; yields the URL of a superuser's database."""
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    with PostgresContainer(POSTGRES_IMAGE, driver=None) as container:
        yield container.get_connection_url()


def until_kafka_answers(host: str, port: int, *, within_s: float) -> None:
    """Return as soon as a broker serves at *host*:*port*; raise TimeoutError if none does."""
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        try:
            if ask_broker(host, port).brokers:
                return
        except OSError:
            time.sleep(0.1)
    msg = f"no Kafka serves at {host}:{port} after {within_s:.0f} s"
    raise TimeoutError(msg)


@dataclass
class SharedServer:
    """One server for all workers of a run.

    Users hold a shared file lock while they run, so the starter can wait for the last of them,
    and a worker that dies is not waited for.
    """

    folder: Path
    source: Callable[[], AbstractContextManager[str]]
    _held: ExitStack = field(default_factory=ExitStack)
    _users: TextIO | None = None
    _started: bool = False

    def address(self) -> str:
        """Return where the server is, started first if nobody has yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = self.folder / "address.json"
        with self._gate():
            if not state.exists():
                address = self._held.enter_context(self.source())
                self._started = True
                state.write_text(json.dumps(address), encoding="utf-8")
            self._users = (self.folder / "users").open("w", encoding="utf-8")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            return str(json.loads(state.read_text(encoding="utf-8")))

    def close(self) -> None:
        """Leave the server; its starter stops it once everybody has left."""
        if self._users is None:
            return
        if self._started:
            with self._gate():
                (self.folder / "address.json").unlink()
            fcntl.flock(self._users, fcntl.LOCK_EX)
            self._held.close()
        self._users.close()
        self._users = None

    @contextmanager
    def _gate(self) -> Iterator[None]:
        with (self.folder / "gate").open("w", encoding="utf-8") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
