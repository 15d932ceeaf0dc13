"""The clock of a data folder: set at its first use, and the same ever after.

What lies in a folder was decided by a clock. One that showed another time afterwards would put new
events before old ones, so the folder remembers its own.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Final

from shared.runtime.clock import Clock

_FILE: Final = "clock.json"


class UnusableFolderError(Exception):
    """A folder cannot keep data, or not by the clock that is asked for; the message says why."""


def clock_of(home: Path, *, speed: float | None, start: datetime | None) -> Clock:
    """Return the clock of the folder *home*, set now if this is its first use.

    Args:
        home: The data folder; made when missing.
        speed: Virtual seconds in a real one; None takes the folder's own, or 1.
        start: What the clock shows at the first use, aware; None takes the world's time.

    Raises:
        UnusableFolderError: It cannot be written or read, or has a clock that is not the one that
            is asked for.
    """
    try:
        return _clock_of(home, speed, start)
    except OSError as error:
        msg = f"cannot use {home}: {error.strerror}; name another folder with --home"
        raise UnusableFolderError(msg) from None


def _clock_of(home: Path, speed: float | None, start: datetime | None) -> Clock:
    file = home / _FILE
    if not file.exists():
        clock = Clock() if start is None else Clock.starting(start, speed=speed or 1.0)
        if start is None and speed not in (None, 1.0):
            clock = Clock.starting(Clock().now(), speed=speed or 1.0)
        home.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"speed": clock.speed, "offset_s": clock.offset_s}), "utf-8")
        return clock
    try:
        known = json.loads(file.read_text("utf-8"))
        clock = Clock(float(known["speed"]), float(known["offset_s"]))
    except (ValueError, KeyError, TypeError):
        msg = f"{file} is no clock of a data folder; name another folder with --home"
        raise UnusableFolderError(msg) from None
    if start is not None or speed not in (None, clock.speed):
        msg = (
            f"{home} was begun with a clock of its own (speed {clock.speed:g}, now"
            f" {clock.now():%Y-%m-%d %H:%M} UTC), and its data would not fit another: leave out"
            " --speed and --clock-start, or name another folder with --home"
        )
        raise UnusableFolderError(msg)
    return clock
