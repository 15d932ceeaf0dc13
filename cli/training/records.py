"""What people have passed, one JSON a line in a file of its own; nothing is ever changed in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from pydantic_core import to_json

from shared.contract.times import Instant, parse_instant
from shared.policy.shape.base import Section
from shared.runtime.files import why_unreadable


class UnreadableRecordError(Exception):
    """A line of the records cannot be read; the message names file, line and remedy."""


class Record(Section):
    """One thing that somebody did: a quiz of a path, a role-play, or what somebody signed.

    `points` are of a hundred; `by` is who signed, where somebody did.
    """

    at: str
    person: str
    roles: tuple[str, ...]
    kind: Literal["quiz", "roleplay", "signed"]
    item: str
    points: float
    passed: bool
    by: str | None = None
    policy: str

    @property
    def instant(self) -> Instant:
        """When it was done."""
        return parse_instant(self.at)


def read(file: Path) -> list[Record]:
    """Return the records in *file*, oldest first; none where there is no such file.

    Raises:
        UnreadableRecordError: A line is no record, or the file cannot be read.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {file}: {why_unreadable(error)}; name a file of records"
        raise UnreadableRecordError(msg) from error
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            one = Record.model_validate_json(line)
            one.instant  # noqa: B018  a time that is none is found here
        except (ValidationError, ValueError) as error:
            msg = f"{file}, line {number}: it is no record; mend the line or take it out"
            raise UnreadableRecordError(msg) from error
        found.append(one)
    return sorted(found, key=lambda one: one.instant)


def append(file: Path, record: Record) -> None:
    """Write *record* at the end of *file*, safely on the disk before this returns.

    Raises:
        OSError: It cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        stream.write(to_json(record) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
