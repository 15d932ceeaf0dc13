"""The API key that a command shows, from a file that holds it alone."""

from __future__ import annotations

from pathlib import Path

from shared.runtime.files import why_unreadable


class KeyFileError(Exception):
    """The file cannot be read; the message says why."""


def authorization(file: Path | None) -> dict[str, str]:
    """Return the header that shows the key in *file*; none where no file was named.

    Raises:
        KeyFileError: It cannot be read.
    """
    if file is None:
        return {}
    try:
        return {"authorization": f"Bearer {file.read_text('utf-8').strip()}"}
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {file}: {why_unreadable(error)}; name a file that holds the key"
        raise KeyFileError(msg) from None
