"""The file of keys on disk: changed as a whole or not at all, by one command at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.access.keys import ApiKey
from shared.access.keys_file import read_keys
from shared.runtime.files import why_unreadable
from shared.runtime.settings import SettingsError

_OWNERS_ALONE = 0o600


class KeysFileError(Exception):
    """The file cannot be read, used or written; the message says why."""


def keys_in(text: str, file: Path) -> list[ApiKey]:
    """Return the keys that *text*, the content of *file*, lists.

    Raises:
        KeysFileError: An entry is wrong.
    """
    try:
        return read_keys(text, name=str(file)) if text else []
    except SettingsError as error:
        msg = str(error).partition("\n")[2] or str(error)
        raise KeysFileError(msg) from None


def read(file: Path) -> str:
    """Return the content of *file*.

    Raises:
        KeysFileError: It cannot be read.
    """
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {file}: {why_unreadable(error)}; name the file of keys"
        raise KeysFileError(msg) from None


def rewrite(file: Path, change: Callable[[str], str]) -> None:
    """Put what *change* makes of the content of *file*, empty where there is none, into its place.

    Readers see the old content or the new, and another command that changes it waits meanwhile.

    Raises:
        KeysFileError: It cannot be read or written, or what came of it could not be used.
    """
    file = file.resolve()
    try:
        with _alone_in(file.parent):
            text = change(read(file) if file.exists() else "")
            keys_in(text, file)
            _replace(file, text)
    except OSError as error:
        msg = f"cannot write {file}: {error.strerror}; name another file"
        raise KeysFileError(msg) from None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(file: Path, text: str) -> None:
    mode = file.stat().st_mode & 0o777 if file.exists() else _OWNERS_ALONE
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(text)
            written.flush()
            os.fsync(written.fileno())
        Path(name).chmod(mode)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
