"""What docker-compose.yml runs, run as processes on this machine.

Its commands, environments, health checks, secrets and database roles are taken as they are; only
addresses, ports and folders are replaced by those of the test's servers.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from cli.embedded.ports import free_ports
from cli.embedded.postgres import PostgresServer
from deploy import new_secrets
from tests.support.compose import WRITTEN, environment, filled
from tests.support.consuming import until
from tests.support.database_roles import as_role, run_roles
from tests.support.house import ROOT, SERVICES

_BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Host:
    """A machine on which the containers' work is done by processes.

    Attributes:
        folder: Where ``.env`` and the secrets are.
        compose: The services of the file, filled in.
        places: What stands in the file, and what takes its place here.
        ports: Where each service listens.
        prefix: What stands before the topics.
    """

    folder: Path
    compose: Mapping[str, Any]
    places: Mapping[str, str]
    ports: Mapping[str, int]
    prefix: str

    def url(self, service: str) -> str:
        """Return where *service* is."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def run_job(self, name: str) -> "subprocess.CompletedProcess[str]":
        """Run the job *name* to its end."""
        return subprocess.run(
            self.compose[name]["command"],
            env=self._environ(name),
            check=False,
            capture_output=True,
            text=True,
        )

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run the service *name* meanwhile, then have it drain."""
        log = (self.folder / f"{name}.log").open("wb")
        process = await asyncio.create_subprocess_exec(
            *self.compose[name]["command"],
            env=self._environ(name),
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()
            log.close()

    @asynccontextmanager
    async def all_running(self) -> AsyncIterator[Mapping[str, asyncio.subprocess.Process]]:
        """Run every service meanwhile, from when all are healthy by their own checks."""
        async with AsyncExitStack() as stack:
            running = {
                name: await stack.enter_async_context(self.running(name)) for name in SERVICES
            }
            for name in SERVICES:
                await until(partial(self._is_healthy, name))
            yield running

    def _environ(self, name: str) -> dict[str, str]:
        given = environment(self.compose[name])
        for place, here in self.places.items():
            given = {key: re.sub(place, here, text) for key, text in given.items()}
        if name in self.ports:
            given[f"{name.upper()}_HTTP_PORT"] = str(self.ports[name])
            given["TIERLINE_DRAIN_DELAY_S"] = "0"
        path = f"{_BIN}{os.pathsep}{os.environ['PATH']}"
        return {**given, "PATH": path, "TIERLINE_TOPIC_PREFIX": self.prefix}

    async def _is_healthy(self, name: str) -> bool:
        _, *words = self.compose[name]["healthcheck"]["test"]
        here = [re.sub(r"http://127\.0\.0\.1:\d+", self.url(name), word) for word in words]
        check = await asyncio.create_subprocess_exec(
            *here, env=self._environ(name), stderr=asyncio.subprocess.DEVNULL
        )
        return await check.wait() == 0


async def a_host(folder: Path, kafka: str, prefix: str, postgres: PostgresServer) -> Host:
    """Return a machine with fresh secrets, whose database has been started for the first time."""
    assert new_secrets.main(["--into", str(folder)]) == 0
    given = dict(row.split("=", 1) for row in (folder / ".env").read_text("utf-8").splitlines())
    compose = filled(given)["services"]
    url = await _first_start(postgres, environment(compose["postgres"]))
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    places = {
        r"postgresql://(\w+):\w+@postgres:5432/tierline": as_role(url, r"\1"),
        "kafka:9092": kafka,
        "0.0.0.0": "127.0.0.1",  # noqa: S104  what stands in the file
        "/etc/tierline": str(ROOT / "deploy"),
        **{f"/run/secrets/{name}": str(folder / secret["file"])
           for name, secret in WRITTEN["secrets"].items()},
        **{rf"http://{name}:\d+": f"http://127.0.0.1:{port}" for name, port in ports.items()},
    }  # fmt: skip
    return Host(folder, compose, places, ports, prefix)


async def _first_start(postgres: PostgresServer, environ: Mapping[str, str]) -> str:
    """Do what the image does in a new folder, and return the owner's address of the database."""
    connection = await asyncpg.connect(postgres.url())
    await connection.execute(f"CREATE ROLE {environ['POSTGRES_USER']} SUPERUSER LOGIN")
    await connection.close()
    url = as_role(postgres.create_database(environ["POSTGRES_DB"]), environ["POSTGRES_USER"])
    done = run_roles(url, environ)
    assert done.returncode == 0, done.stderr
    return url
