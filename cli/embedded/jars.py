"""The jars of Apache Kafka: which they are, where they are kept, and that they are the right ones.

The committed lock names every jar by Maven coordinate, size and sha256, and no address. A jar is
hashed in full when it enters the cache, or whenever its size or modification time differs from
what was noted then; otherwise the note is enough, so a later start costs milliseconds.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cli.embedded.errors import EmbeddedError, JarMismatchError

LOCK_FILE = Path(__file__).with_name("kafka.lock.json")
_STAMP = "verified.json"


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar.

    Attributes:
        coordinate: ``group:artifact:version`` or ``group:artifact:version:classifier``.
        file: Its file name in the cache.
        sha256: Hex digest of its content.
        size: Its length in bytes.
    """

    coordinate: str
    file: str
    sha256: str
    size: int


class Fetch(Protocol):
    """How missing jars are had: put each of *jars* into *folder* under its file name.

    Raises JarsUnavailableError where one of them cannot be had.
    """

    def __call__(self, jars: tuple[Jar, ...], folder: Path) -> None:
        """Fetch *jars* into *folder*."""


def read_lock(path: Path = LOCK_FILE) -> tuple[Jar, ...]:
    """Return the jars that the lock at *path* names."""
    return tuple(Jar(**row) for row in json.loads(path.read_text(encoding="utf-8"))["jars"])


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return the user's cache: ``$XDG_CACHE_HOME/tierline``, else ``~/.cache/tierline``.

    It is shared by every checkout of the user, so the second one downloads nothing.
    """
    base = environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "tierline"


def kafka_jars(cache: Path, *, fetch: Fetch, jars: tuple[Jar, ...] | None = None) -> list[Path]:
    """Return the paths of all locked jars, fetched where missing and verified.

    Args:
        cache: The folder that keeps them between runs.
        fetch: Called with the missing ones only; never called when all are there.
        jars: The lock's rows; the committed lock when None.

    Raises:
        JarMismatchError: A jar's content is not the locked one.
        JarsUnavailableError: A missing jar cannot be fetched.
        EmbeddedError: The cache cannot be written.
    """
    locked = read_lock() if jars is None else jars
    folder = cache / "kafka"
    if not _stamped(folder, locked):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _alone(cache):
                _complete(folder, locked, fetch)
        except PermissionError as error:
            msg = (
                f"The cache {cache} cannot be written ({error.strerror}); set XDG_CACHE_HOME to a "
                "folder that can."
            )
            raise EmbeddedError(msg) from error
    return [folder / jar.file for jar in locked]


def sha256_of(path: Path) -> str:
    """Return the hex sha256 of the file at *path*."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, jar: Jar) -> None:
    """Refuse the file at *path* unless it is *jar*, byte for byte.

    Raises:
        JarMismatchError: It is another file.
    """
    found = sha256_of(path)
    if found != jar.sha256:
        raise JarMismatchError(path, expected=jar.sha256, found=found)


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Hold the cache's lock, so that two first starts do not download twice."""
    with (cache / "jars.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _complete(folder: Path, jars: tuple[Jar, ...], fetch: Fetch) -> None:
    for jar in jars:
        if (folder / jar.file).exists():
            verify(folder / jar.file, jar)
    missing = tuple(jar for jar in jars if not (folder / jar.file).exists())
    if missing:
        # Half a download never carries a jar's name: files move in only when they are verified.
        staging = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder))
        try:
            fetch(missing, staging)
            for jar in missing:
                verify(staging / jar.file, jar)
                (staging / jar.file).replace(folder / jar.file)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    _write_stamp(folder, jars)


def _note(path: Path, jar: Jar) -> list[str | int]:
    stat = path.stat()
    return [jar.sha256, stat.st_size, stat.st_mtime_ns]


def _stamped(folder: Path, jars: tuple[Jar, ...]) -> bool:
    try:
        noted = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
        return bool(noted == {jar.file: _note(folder / jar.file, jar) for jar in jars})
    except (OSError, ValueError):
        return False


def _write_stamp(folder: Path, jars: tuple[Jar, ...]) -> None:
    draft = folder / f".{_STAMP}.{os.getpid()}"
    draft.write_text(
        json.dumps({jar.file: _note(folder / jar.file, jar) for jar in jars}), encoding="utf-8"
    )
    draft.replace(folder / _STAMP)
