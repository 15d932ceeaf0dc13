"""A server process that cannot outlive the process that wanted it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli.embedded import tether
from cli.embedded.claim import Claim, forget
from cli.embedded.errors import ServerStartError

_POLL_S = 0.03
_LARGEST_LOG = 8 << 20


@dataclass(frozen=True, slots=True)
class User:
    """Whom a server runs as, where it refuses to run as root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What a server is called, where it lives and how it is ended.

    Attributes:
        name: What people call it, for messages.
        folder: The folder that it owns; also its working directory.
        stop_signal: The signal that asks for a clean stop.
        grace_s: Seconds that a clean stop may take before SIGKILL.
        user: The user to run as; the current one when None.
    """

    name: str
    folder: Path
    stop_signal: signal.Signals
    grace_s: float = 15.0
    user: User | None = None

    @property
    def log(self) -> Path:
        """The file that takes standard output and standard error."""
        return self.folder / "server.log"

    @property
    def environment(self) -> dict[str, str]:
        """A bare environment: no JAVA_TOOL_OPTIONS, PGHOST or KAFKA_* of the caller gets in."""
        return {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", "HOME": str(self.folder)}


class ServerProcess:
    """A running server: ask, stop, kill. Made by :func:`launch`."""

    def __init__(
        self, spec: ServerSpec, pid: int, tied: subprocess.Popen[bytes], lifeline: int
    ) -> None:
        self.pid = pid
        self._server = _process(pid)
        self._spec = spec
        self._tied = tied
        self._lifeline = lifeline

    @property
    def alive(self) -> bool:
        """Whether the server runs; no longer from the moment that it is dead."""
        if self._server is None or self._tied.poll() is not None:
            return False
        try:
            return self._server.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    @property
    def exit_status(self) -> int | None:
        """None until the server has ended; then its exit status (128+n for signal n)."""
        return self._tied.poll()

    def stop(self) -> None:
        """End the server cleanly, by SIGKILL once its grace is over; return when it is gone."""
        self._order(b"s")

    def kill(self) -> None:
        """End the server by SIGKILL, as a crash would; return when it is gone."""
        self._order(b"k")

    def _order(self, order: bytes) -> None:
        if self._lifeline < 0:
            return
        with suppress(BrokenPipeError):  # it ended by itself
            os.write(self._lifeline, order)
        os.close(self._lifeline)
        self._lifeline = -1
        self._tied.wait()
        forget(self._spec.folder)


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def launch(spec: ServerSpec, command: list[str], claim: Claim) -> ServerProcess:
    """Start *command* as the server of the claimed folder, tied to this process.

    Raises:
        ServerStartError: The program cannot be executed.
    """
    lifeline_read, lifeline = os.pipe()
    report, report_write = os.pipe()
    user = spec.user or User(-1, -1)
    if spec.log.exists() and spec.log.stat().st_size > _LARGEST_LOG:
        spec.log.replace(spec.log.with_suffix(".log.1"))
    try:
        with spec.log.open("ab") as log:
            tied = subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [
                    sys.executable, "-I", "-S", tether.__file__,
                    str(lifeline_read), str(report_write), str(int(spec.stop_signal)),
                    str(user.uid), str(user.gid), str(spec.grace_s), *command,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=spec.folder,
                env=spec.environment, pass_fds=(lifeline_read, report_write, claim.descriptor),
                start_new_session=True,
            )  # fmt: skip
    except BaseException:
        os.close(lifeline)
        os.close(report)
        raise
    finally:
        os.close(lifeline_read)
        os.close(report_write)
    with os.fdopen(report, encoding="utf-8") as said:
        pid, _, failure = said.read().partition("\n")
    server = ServerProcess(spec, int(pid or "0"), tied, lifeline)
    if failure or not pid:
        server.kill()
        raise ServerStartError(spec.name, failure.lstrip("!") or "no interpreter", spec.log)
    claim.note(server.pid)
    return server


def until_ready(
    spec: ServerSpec, process: ServerProcess, ready: Callable[[], bool], *, timeout_s: float
) -> None:
    """Return as soon as *ready* says so; end *process* where it never will.

    Raises:
        ServerStartError: The server ended, or was not ready within *timeout_s* seconds.
    """
    give_up_at = time.monotonic() + timeout_s
    while not ready():
        status = process.exit_status
        if status is None and time.monotonic() < give_up_at:
            time.sleep(_POLL_S)
            continue
        process.kill()
        why = f"it was not ready within {timeout_s:.0f} s"
        why = why if status is None else f"it ended with status {status}"
        raise ServerStartError(spec.name, why, spec.log)
