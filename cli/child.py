"""One service of Tierline as a child process: started, asked, restarted, never left behind."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2
from typing_extensions import override

from cli.embedded.claim import claimed
from cli.embedded.errors import EmbeddedError, ServerStartError, tail
from cli.embedded.process import ServerProcess, ServerSpec, launch
from shared.runtime.clock import backoff_s, monotonic
from shared.runtime.run import EXIT_REFUSED

HOST: Final = "127.0.0.1"

_POLL_S: Final = 0.1
_READY_WITHIN_S: Final = 60.0
# A service has 25 s to drain (shared.runtime.run); after that it ends itself.
_GRACE_S: Final = 28.0
# One that has run for so long was well; its next failure counts as the first.
_WELL_AFTER_S: Final = 30.0
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 15.0


class ServiceRefusedError(EmbeddedError):
    """A service says that no restart will mend it; the message is its own."""

    def __init__(self, name: str, log: Path) -> None:
        super().__init__(f"{name} does not start. Its log, {log}, ends with:\n{tail(log)}")
        self.name = name


@dataclass(frozen=True, slots=True)
class ServiceSpec(ServerSpec):
    """How a service is run; *variables* are its whole environment."""

    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    @override
    def environment(self) -> dict[str, str]:
        """The environment that the service reads its settings from."""
        return dict(self.variables)


class Service:
    """A service on a port of its own, in a process that ends with this one.

    Attributes:
        name: Which one: `python -m services.<name>`.
        port: Where it listens, on this machine only.
        restarts: How often it was started again after it had ended by itself.
    """

    def __init__(self, name: str, home: Path, variables: Mapping[str, str], port: int) -> None:
        """Describe the service; nothing happens before :meth:`start`.

        Args:
            name: Which one.
            home: Its log is kept in `<home>/services/<name>`.
            variables: The environment that it is given, its port apart.
            port: Where it is to listen.
        """
        self.name = name
        self.port = port
        self.restarts = 0
        self._spec = ServiceSpec(
            name,
            home.resolve() / "services" / name,
            stop_signal=signal.SIGTERM,
            grace_s=_GRACE_S,
            variables={**variables, f"{name.upper()}_HTTP_PORT": str(port)},
        )
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file that its log lines go to."""
        return self._spec.log

    @property
    def pid(self) -> int | None:
        """The id of its process while it runs."""
        return self._process.pid if self._process is not None and self._process.alive else None

    async def start(self) -> None:
        """Start its process, without waiting until it serves; do nothing if it runs.

        Raises:
            FolderInUseError: Another living run owns the folder.
            ServerStartError: The interpreter cannot be executed.
        """
        if self.pid is None:
            await asyncio.to_thread(self._launch)

    def _launch(self) -> None:
        spec = self._spec
        with claimed(spec.name, spec.folder, patience_s=spec.grace_s) as claim:
            command = [sys.executable, "-m", f"services.{self.name}"]
            self._process = launch(spec, command, claim)

    async def until_ready(self) -> None:
        """Return once it says that it is ready.

        Raises:
            ServiceRefusedError: It ended and says that a person must act.
            ServerStartError: It ended otherwise, or was not ready within a minute.
        """
        give_up_at = monotonic() + _READY_WITHIN_S
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            while not await self._ready(client):
                status = self._exit_status()
                if status is not None:
                    raise self._ended(status)
                if monotonic() > give_up_at:
                    why = f"it was not ready within {_READY_WITHIN_S:.0f} s"
                    raise ServerStartError(self.name, why, self.log)
                await asyncio.sleep(_POLL_S)

    async def keep(self, tell: Callable[[str], None]) -> None:
        """Start it again whenever it ends, each time after a longer pause; runs until cancelled.

        Raises:
            ServiceRefusedError: It says that a person must act.
        """
        failures = 0
        while True:
            started = monotonic()
            status = await self._until_ended()
            if status == EXIT_REFUSED:
                raise self._ended(status)
            failures = 1 if monotonic() - started > _WELL_AFTER_S else failures + 1
            pause_s = backoff_s(failures, base_s=_FIRST_BACKOFF_S, cap_s=_LONGEST_BACKOFF_S)
            tell(f"{self.name} ended with status {status}; starting it again in {pause_s:.1f} s")
            await asyncio.sleep(pause_s)
            self.restarts += 1
            await self.start()

    async def stop(self) -> None:
        """Have it drain and end, by SIGKILL when that takes too long; return when it is gone."""
        if self._process is not None:
            await asyncio.to_thread(self._process.stop)

    async def kill(self) -> None:
        """End it by SIGKILL, as a crash would; return when it is gone."""
        if self._process is not None:
            await asyncio.to_thread(self._process.kill)

    async def _until_ended(self) -> int:
        while (status := self._exit_status()) is None:  # noqa: ASYNC110  no event to wait for
            await asyncio.sleep(_POLL_S)
        return status

    def _exit_status(self) -> int | None:
        return None if self._process is None else self._process.exit_status

    def _ended(self, status: int) -> EmbeddedError:
        if status == EXIT_REFUSED:
            return ServiceRefusedError(self.name, self.log)
        return ServerStartError(self.name, f"it ended with status {status}", self.log)

    async def _ready(self, client: httpx2.AsyncClient) -> bool:
        try:
            answer = await client.get(f"{self.url}/health/ready")
        except httpx2.TransportError:
            return False
        return answer.status_code == httpx2.codes.OK
