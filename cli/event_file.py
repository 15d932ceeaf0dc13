"""A file of events, one JSON a line, read with a progress bar and with errors that name the line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from cli.output import WRONG_USE, fail, progress
from shared.contract.errors import InvalidEventError
from shared.contract.events import TicketEvent, decode_event

STANDARD_INPUT: Final = "-"

_SHOWN_EVERY: Final = 512


@contextmanager
def event_file(command: str, name: str) -> Iterator[Iterator[TicketEvent]]:
    """Give the events in the file *name*, or on standard input for `-`, in their order.

    A file that cannot be opened, or a line that is no event, ends *command* with a message.
    """
    with _opened(command, name) as stream:
        yield _read(command, stream, name)


def _read(command: str, stream: BinaryIO, name: str) -> Iterator[TicketEvent]:
    with progress() as bar:
        task = bar.add_task(f"reading {name}", total=_size(stream))
        done = 0
        for number, line in enumerate(stream, start=1):
            done += len(line)
            if not number % _SHOWN_EVERY:
                bar.update(task, completed=done)
            if line.isspace():
                continue
            try:
                event = decode_event(line)
            except InvalidEventError as error:
                fail(command, f"{name}, line {number}: {error}")
            yield event
        bar.update(task, completed=done)


def _size(stream: BinaryIO) -> int | None:
    if not stream.seekable():
        return None
    size = stream.seek(0, 2)
    stream.seek(0)
    return size


def _opened(command: str, name: str) -> BinaryIO:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        problem = f"cannot read {name}: {error.strerror}; name a file of events, or -"
        fail(command, problem, code=WRONG_USE)
