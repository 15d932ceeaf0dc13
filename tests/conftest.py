"""The servers and names that tests share."""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest

from cli.embedded.kafka import KafkaServer
from cli.embedded.postgres import PostgresServer
from tests.support import servers as support
from tests.support.servers import SharedServer

# How long an example takes is the machine's affair: nobody's change may turn red since others work.
_PATIENT = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile(
    "tierline", deadline=None, print_blob=True, suppress_health_check=_PATIENT
)
# `make properties`; a test that sets its own number of examples keeps it.
hypothesis.settings.register_profile(
    "properties",
    hypothesis.settings.get_profile("tierline"),
    max_examples=300,
)
hypothesis.settings.load_profile("tierline")

_SHARED = pytest.StashKey[list[SharedServer]]()
_NEED_SERVERS = {"kafka", "postgres_url", "own_kafka", "own_postgres"}


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a choice of servers that cannot work, before any test runs."""
    config.stash[_SHARED] = []
    support.provider(os.environ)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a server, and skip what needs a container engine where there is none."""
    for item in items:
        if _NEED_SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("servers")
    containers = [item for item in items if item.get_closest_marker("containers")]
    if containers and (reason := support.no_engine()):
        for item in containers:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the run's servers; not a fixture's end, since waiting for others is no test's time."""
    for shared in config.stash.get(_SHARED, []):
        shared.close()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, run_folder: Path) -> str:
    """The run's Kafka: its bootstrap servers."""
    source = partial(support.kafka_source, support.provider(os.environ))
    return _join(request.config, SharedServer(run_folder / "kafka", source))


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest, run_folder: Path) -> str:
    """The run's PostgreSQL: the URL of a superuser's database, for making others."""
    source = partial(support.postgres_source, support.provider(os.environ))
    return _join(request.config, SharedServer(run_folder / "postgres", source))


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[str]:
    """The URL of a database of the test's own, dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    await _execute(postgres_url, f"CREATE DATABASE {name}")
    yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that makes the test's topics its own on the shared Kafka."""
    return f"test-{secrets.token_hex(6)}."


@pytest.fixture
def own_kafka() -> Iterator[Callable[[], KafkaServer]]:
    """Make started Kafkas of the test's own, to be killed and restarted at will."""
    with ExitStack() as servers:
        yield lambda: servers.enter_context(support.own_kafka())


@pytest.fixture
def own_postgres() -> Iterator[Callable[[], PostgresServer]]:
    """Make started PostgreSQLs of the test's own, to be killed and restarted at will."""
    with ExitStack() as servers:
        yield lambda: servers.enter_context(support.own_postgres())


def _join(config: pytest.Config, shared: SharedServer) -> str:
    config.stash[_SHARED].append(shared)
    return shared.address()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
