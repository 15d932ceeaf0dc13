"""A server process that belongs to one folder and to one owner.

The folder is claimed by a file lock that the server itself inherits: while any process of the
server lives, nobody else can claim it, and when the last one is gone it is free, however they
ended. The run file beside it says who they are, so that leftovers of a crashed run can be told
from another run that is alive.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from cli.embedded import tether
from cli.embedded.errors import FolderInUseError, ServerStartError

_POLL_S = 0.02
_LEFTOVER_GRACE_S = 3.0
_SAME_START_S = 2.0


@dataclass(frozen=True, slots=True)
class User:
    """Whom a server runs as, where it refuses to run as root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What to run and how to end it.

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
    grace_s: float = 10.0
    user: User | None = None

    @property
    def log(self) -> Path:
        """The file that takes standard output and standard error."""
        return self.folder / "server.log"

    @property
    def environment(self) -> dict[str, str]:
        """A bare environment: no JAVA_TOOL_OPTIONS, PGHOST or KAFKA_* of the caller gets in."""
        return {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", "HOME": str(self.folder)}


@dataclass(frozen=True, slots=True)
class _Identity:
    """A process, told from a later one with the same number by when it started."""

    pid: int
    started_s: float

    @classmethod
    def of(cls, pid: int) -> "_Identity":
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return cls(pid, 0.0)

    def process(self) -> psutil.Process | None:
        """Return the living process, or None if it is gone."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started_s) < _SAME_START_S
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class ServerProcess:
    """A running server: ask, stop, kill. Made by :func:`launch`."""

    def __init__(
        self, spec: ServerSpec, pid: int, tied: subprocess.Popen[bytes], lifeline: int
    ) -> None:
        self.pid = pid
        self._spec = spec
        self._tied = tied
        self._lifeline = lifeline

    @property
    def exit_status(self) -> int | None:
        """None while the server runs; afterwards its exit status (128+n for signal n)."""
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
        try:
            os.write(self._lifeline, order)
        except BrokenPipeError:
            pass  # it ended by itself
        finally:
            os.close(self._lifeline)
            self._lifeline = -1
        self._tied.wait()
        _run_file(self._spec).unlink(missing_ok=True)


def launch(spec: ServerSpec, command: list[str]) -> ServerProcess:
    """Start *command* as the server of ``spec.folder``, tied to this process.

    Leftovers of a crashed run of the same folder are waited for, and ended if they stay.

    Raises:
        FolderInUseError: Another run that is alive owns the folder.
        ServerStartError: The program cannot be executed.
    """
    spec.folder.mkdir(parents=True, exist_ok=True)
    claim = _claim(spec)
    lifeline_read, lifeline = os.pipe()
    report, report_write = os.pipe()
    user = spec.user or User(-1, -1)
    try:
        with spec.log.open("ab") as log:
            tied = subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [
                    sys.executable, "-I", "-S", tether.__file__,
                    str(lifeline_read), str(report_write), str(int(spec.stop_signal)),
                    str(user.uid), str(user.gid), str(spec.grace_s), *command,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=spec.folder,
                env=spec.environment, pass_fds=(lifeline_read, report_write, claim),
                start_new_session=True,
            )  # fmt: skip
    except BaseException:
        os.close(lifeline)
        os.close(report)
        raise
    finally:
        os.close(lifeline_read)
        os.close(report_write)
        os.close(claim)
    with os.fdopen(report, encoding="utf-8") as said:
        pid, _, failure = said.read().partition("\n")
    server = ServerProcess(spec, int(pid or "0"), tied, lifeline)
    if failure or not pid:
        server.stop()
        raise ServerStartError(spec.name, failure.lstrip("!") or "no interpreter", spec.log)
    _write_run_file(spec, server.pid)
    return server


def _run_file(spec: ServerSpec) -> Path:
    return spec.folder / "run.json"


def _write_run_file(spec: ServerSpec, pid: int) -> None:
    who = {"server": asdict(_Identity.of(pid)), "owner": asdict(_Identity.of(os.getpid()))}
    _run_file(spec).write_text(json.dumps(who), encoding="utf-8")


def _read_run_file(spec: ServerSpec) -> tuple[_Identity, _Identity] | None:
    try:
        who = json.loads(_run_file(spec).read_text(encoding="utf-8"))
        return _Identity(**who["server"]), _Identity(**who["owner"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _claim(spec: ServerSpec) -> int:
    """Return a descriptor that holds the folder's lock."""
    claim = os.open(spec.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    leftover_until = time.monotonic() + _LEFTOVER_GRACE_S
    give_up_at = leftover_until + spec.grace_s
    try:
        while True:
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _clear(spec, insist=time.monotonic() > leftover_until)
                if time.monotonic() > give_up_at:
                    raise FolderInUseError(spec.name, spec.folder, "an unknown process") from None
                time.sleep(_POLL_S)
            else:
                return claim
    except BaseException:
        os.close(claim)
        raise


def _clear(spec: ServerSpec, *, insist: bool) -> None:
    """Refuse a folder that a living run owns; end a dead run's server if *insist*."""
    known = _read_run_file(spec)
    if known is None:
        return
    server, owner = known
    living_owner = owner.process()
    if living_owner and server.process():
        said = " ".join(living_owner.cmdline())[:80]
        raise FolderInUseError(spec.name, spec.folder, f"process {owner.pid} ({said})")
    leftover = server.process()
    if insist and leftover:
        leftover.kill()
