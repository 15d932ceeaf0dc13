"""A service as a child: restarted when it dies, given up when it refuses, gone with its owner."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from cli.child import Service, ServiceRefusedError
from cli.embedded.ports import free_ports
from tests.support.consuming import until

# Nothing answers there: intake starts all the same, and says that it is not ready.
ENVIRON = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "INTAKE_ALLOW_ANONYMOUS": "true",
    "TIERLINE_DRAIN_DELAY_S": "0",
}


@asynccontextmanager
async def kept(service: Service) -> AsyncIterator[list[str]]:
    """Keep *service* running meanwhile; gives what was told."""
    told: list[str] = []
    await service.start()
    keeping = asyncio.create_task(service.keep(told.append))
    try:
        yield told
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        await service.stop()


def intake(home: Path, **environ: str) -> Service:
    return Service("intake", home, {**ENVIRON, **environ}, free_ports(1)[0])


async def listens(service: Service) -> bool:
    return '"listening"' in service.log.read_text() if service.log.exists() else False


async def test_a_service_that_is_killed_is_started_again_and_said_so(tmp_path: Path) -> None:
    service = intake(tmp_path)
    async with kept(service) as told:
        first = service.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        async def back() -> bool:
            return service.restarts == 1 and service.pid not in (None, first)

        await until(back)
        assert told[0].startswith("intake ended with status 137; starting it again in ")


async def test_a_service_that_refuses_its_settings_is_not_started_again(tmp_path: Path) -> None:
    service = intake(tmp_path, INTAKE_RATE_PER_S="none")
    await service.start()
    with pytest.raises(ServiceRefusedError, match="INTAKE_RATE_PER_S"):
        await service.keep(lambda _: None)
    assert service.restarts == 0
    await service.stop()


async def test_waiting_for_one_that_refuses_says_what_its_log_says(tmp_path: Path) -> None:
    service = intake(tmp_path, INTAKE_RATE_PER_S="none")
    await service.start()
    with pytest.raises(ServiceRefusedError, match="INTAKE_RATE_PER_S"):
        await service.until_ready()
    await service.stop()


async def test_a_stopped_service_drains_and_its_log_stays(tmp_path: Path) -> None:
    service = intake(tmp_path)
    async with kept(service):
        await until(lambda: listens(service))
    assert service.pid is None
    assert '"draining"' in service.log.read_text()


def test_a_service_ends_with_its_owner_however_that_ends(tmp_path: Path) -> None:
    code = f"""
import asyncio, os, signal, sys
from pathlib import Path
from cli.child import Service
async def main():
    service = Service("intake", Path({str(tmp_path)!r}), {ENVIRON!r}, {free_ports(1)[0]})
    await service.start()
    print(service.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    pid = int(done.stdout)
    if psutil.pid_exists(pid):
        psutil.Process(pid).wait(timeout=30)
    assert not psutil.pid_exists(pid)
