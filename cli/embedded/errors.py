"""What can go wrong with a server that Tierline starts itself.

EmbeddedError
├── JarMismatchError      a jar is not the one that the lock names
├── JarsUnavailableError  the jars are neither cached nor to be had
├── FolderInUseError      another living run owns the folder
└── ServerStartError      the server ended, or never answered
"""

from pathlib import Path


class EmbeddedError(Exception):
    """An embedded server cannot be had; the message says what to do."""


class JarMismatchError(EmbeddedError):
    """A jar differs from the committed lock and is refused."""

    def __init__(self, path: Path, *, expected: str, found: str) -> None:
        super().__init__(
            f"{path} is not the file that the lock names: sha256 {found}, expected {expected}. "
            f"Delete {path.parent} and start again to fetch it anew; if that repeats, the "
            "repository you download from serves another file: do not use it."
        )
        self.path = path
        self.expected = expected
        self.found = found


class JarsUnavailableError(EmbeddedError):
    """The jars are not in the cache and could not be fetched."""

    def __init__(self, what: str, *, cache: Path, cause: str) -> None:
        super().__init__(
            f"Could not fetch {what}: {cause}. The first start on a machine needs a Maven "
            "repository (a mirror can be named in jgo's configuration file, section "
            f"[repositories], key central). Later starts read {cache} and need no network; the "
            "folder may also be copied from another machine. Or point KAFKA_BOOTSTRAP_SERVERS at "
            "a Kafka that exists."
        )
        self.cache = cache


class FolderInUseError(EmbeddedError):
    """The folder's server belongs to another run that is still alive."""

    def __init__(self, name: str, folder: Path, owner: str) -> None:
        super().__init__(
            f"{folder} is in use: its {name} is run by {owner}. Stop that run first, or set "
            "TIERLINE_HOME to another folder."
        )
        self.folder = folder


class ServerStartError(EmbeddedError):
    """A server did not come up; the message ends with the tail of its log."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        super().__init__(f"{name} did not start: {why}. Its log, {log}, ends with:\n{tail(log)}")
        self.log = log


def tail(log: Path, *, lines: int = 20) -> str:
    """Return the last *lines* lines of *log*, or say that there is none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "  (no log was written)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (the log is empty)"
