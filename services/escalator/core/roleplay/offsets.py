"""Times of a role-play: `T+1:05` is an hour and five minutes after it starts, `T-0:10` before."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import PlainValidator

from shared.contract.times import Seconds
from shared.policy.notation import refuse

_OFFSET: Final = re.compile(r"T([+-])(\d{1,5}):([0-5]\d)(?::([0-5]\d))?")
_MINUTE: Final = 60
_HOUR: Final = 3600


def parse_offset(given: Any) -> Seconds:
    """Return the seconds from the start that *given* writes; they are negative before it.

    Raises:
        PydanticCustomError: It is no such time.
    """
    found = _OFFSET.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        refuse(f"`{given}` is no time of a role-play", "Write it as T+0:10 or T+26:00.")
    sign, hours, minutes, seconds = found.groups()
    total = int(hours) * _HOUR + int(minutes) * _MINUTE + int(seconds or 0)
    return Seconds(-total if sign == "-" else total)


def told(offset: int) -> str:
    """Return *offset* seconds from the start as people write it: `T+0:10`, `T+0:10:30`."""
    sign, left = ("-", -offset) if offset < 0 else ("+", offset)
    seconds = f":{left % _MINUTE:02}" if left % _MINUTE else ""
    return f"T{sign}{left // _HOUR}:{left % _HOUR // _MINUTE:02}{seconds}"


Offset = Annotated[Seconds, PlainValidator(parse_offset)]
"""A time of a role-play, in seconds from its start."""
