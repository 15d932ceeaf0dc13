"""The processes of a run: started, killed, stopped in mid-step, and started again when they end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

# One that ended by itself gets a moment, as anything that restarts services would give it.
_PAUSE_AFTER_CRASH_S: Final = 0.5


class Nursery:
    """A process that forks one service's processes on demand (`tests.chaos.nursery`)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tags = 0
        self._asked: dict[int, asyncio.Future[int]] = {}
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, service: str) -> Self:
        """Start one for *service*, and return it once the service is imported."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.chaos.nursery",
            f"services.{service}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        await process.stdout.readline()
        return cls(process)

    async def fork(self, environ: Mapping[str, str], log: Path) -> tuple[int, asyncio.Future[int]]:
        """Start a process; return its id, and what will be its exit status (-n for signal n)."""
        assert self._process.stdin is not None
        self._tags += 1
        asked = self._asked[self._tags] = asyncio.get_running_loop().create_future()
        command = {"tag": self._tags, "environ": dict(environ), "log": str(log)}
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()
        pid = await asked
        return pid, self._ends[pid]

    async def close(self) -> None:
        """End it and all its processes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "pid" in said:
                self._ends[said["pid"]] = asyncio.get_running_loop().create_future()
                self._asked.pop(said["tag"]).set_result(said["pid"])
            else:
                self._ends[said["ended"]].set_result(said["status"])


@dataclass
class Actor:
    """One process of the run, started again whenever it ends, until it is told to stop.

    Attributes:
        name: Such as ``escalator-2``.
        nursery: Where it comes from.
        environ: What the process is told at its n-th start.
        log: Where it writes.
        ends: How often it ended with which status.
        at_points: How often it killed itself at a place that it was told.
    """

    name: str
    nursery: Nursery
    environ: Callable[[int], Mapping[str, str]]
    log: Path
    ends: Counter[int] = field(default_factory=Counter)
    at_points: int = 0
    _pid: int | None = None
    _starts: int = 0
    _extra: Mapping[str, str] = field(default_factory=dict)
    _struck: bool = False
    _said_before: int = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _living: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and have it started again whenever it ends."""
        self._living = asyncio.create_task(self._live(), name=self.name)

    def signal(self, number: signal.Signals) -> bool:
        """Send it a signal; return whether it was there."""
        if self._pid is None:
            return False
        try:
            os.kill(self._pid, number)
        except ProcessLookupError:
            return False
        return True

    def kill(self, extra: Mapping[str, str] | None = None) -> bool:
        """End it at once; its next life, and only that one, is told *extra* too."""
        self._extra = extra or {}
        self._struck = True
        return self.signal(signal.SIGKILL)

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        return self._pid

    @property
    def life(self) -> int:
        """How often it was started."""
        return self._starts

    @property
    def up(self) -> bool:
        """Whether its present life has come so far that it listens."""
        if self._pid is None or not self.log.exists():
            return False
        return b'"listening"' in self.log.read_bytes()[self._said_before :]

    async def stop(self) -> int:
        """Ask it to drain and end; return its exit status."""
        self._stopping.set()
        before = Counter(self.ends)
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        assert self._living is not None
        await self._living
        (status,) = (self.ends - before) or {0: 1}
        return status

    async def _live(self) -> None:
        while not self._stopping.is_set():
            environ = {**self.environ(self._starts), **self._extra}
            self._starts, self._extra, self._struck = self._starts + 1, {}, False
            self._said_before = self.log.stat().st_size if self.log.exists() else 0
            self._pid, ended = await self.nursery.fork(environ, self.log)
            if self._stopping.is_set():
                self.signal(signal.SIGTERM)
            status = await ended
            self._pid = None
            self.ends[status] += 1
            self.at_points += status == -signal.SIGKILL and not self._struck
            if status != -signal.SIGKILL and not self._stopping.is_set():
                await asyncio.sleep(_PAUSE_AFTER_CRASH_S)
