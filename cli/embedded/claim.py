"""One owner per folder: who may run a folder's server, and what a crashed run left behind.

The claim is a file lock that the server itself inherits. While any process of the server lives,
nobody else can claim the folder; when the last one is gone it is free, however they ended. The
run file beside it says who they are, so that a dead run's leftovers can be told from another run
that is alive.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from cli.embedded.errors import EmbeddedError, FolderInUseError

_POLL_S = 0.02
_SAME_START_S = 2.0
_AFTER_KILL_S = 5.0


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run the server of *folder*.

    Attributes:
        name: What people call the server, for messages.
        folder: The folder that is claimed.
        descriptor: The held lock; a process that inherits it holds the claim too.
    """

    name: str
    folder: Path
    descriptor: int

    def note(self, server_pid: int) -> None:
        """Write down that *server_pid* is this folder's server and that we own it."""
        who = {
            "server": asdict(_Identity.of(server_pid)),
            "owner": asdict(_Identity.of(os.getpid())),
        }
        _run_file(self.folder).write_text(json.dumps(who), encoding="utf-8")


@contextmanager
def claimed(name: str, folder: Path, *, patience_s: float) -> Iterator[Claim]:
    """Claim *folder*, created when missing, for the server *name*; let go at the end.

    Processes that inherited the claim's descriptor keep it.

    Args:
        name: What people call the server.
        folder: The folder to claim.
        patience_s: How long a dead run's server may take to end before it is killed.

    Raises:
        FolderInUseError: A living run owns the folder.
        EmbeddedError: The folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        msg = f"{folder} cannot be used ({error.strerror}); set TIERLINE_HOME to another folder."
        raise EmbeddedError(msg) from error
    try:
        _acquire(name, folder, lock, patience_s)
        yield Claim(name, folder, lock)
    finally:
        os.close(lock)


def forget(folder: Path) -> None:
    """Remove what :meth:`Claim.note` wrote, once the server is gone."""
    _run_file(folder).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Identity:
    """A process, told from a later one with the same number by when it started."""

    pid: int
    started_s: float

    @classmethod
    def of(cls, pid: int) -> "_Identity":
        with suppress(psutil.NoSuchProcess):
            return cls(pid, psutil.Process(pid).create_time())
        return cls(pid, 0.0)

    def process(self) -> psutil.Process | None:
        """Return the living process, or None if it is gone."""
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started_s) < _SAME_START_S
            if same and found.status() != psutil.STATUS_ZOMBIE:
                return found
        return None


def _run_file(folder: Path) -> Path:
    return folder / "run.json"


def _read_run_file(folder: Path) -> tuple[_Identity, _Identity] | None:
    try:
        who = json.loads(_run_file(folder).read_text(encoding="utf-8"))
        return _Identity(**who["server"]), _Identity(**who["owner"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _acquire(name: str, folder: Path, lock: int, patience_s: float) -> None:
    kill_at = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            leftover = _leftover(name, folder)
            if leftover and time.monotonic() > kill_at:
                leftover.kill()
            if time.monotonic() > kill_at + _AFTER_KILL_S:
                raise FolderInUseError(name, folder, "a process that is not known here") from None
            time.sleep(_POLL_S)
        else:
            return


def _leftover(name: str, folder: Path) -> psutil.Process | None:
    """Return the server that a dead run left, if it lives; refuse a living run's folder."""
    known = _read_run_file(folder)
    if known is None:
        return None
    server, owner = known[0].process(), known[1].process()
    if server and owner:
        said = " ".join(owner.cmdline())[:80]
        raise FolderInUseError(name, folder, f"process {owner.pid} ({said})")
    return server
