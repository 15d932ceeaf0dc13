"""Places in the three topics together: what a reader of the stream has seen, as one short word.

`e0:17,e1:4,d0:20` says: of the events in partition 0 everything below offset 17, in partition 1
below 4, of the decisions in partition 0 below 20. What is not named was not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from services.tracker.core.message import Kind

Places = Mapping[tuple[Kind, int], int]
"""By topic and partition, the next offset to be seen."""

_LETTERS: Final[Mapping[Kind, str]] = {Kind.EVENT: "e", Kind.DECISION: "d", Kind.DELIVERY: "n"}
_KINDS: Final = {letter: kind for kind, letter in _LETTERS.items()}
_PLACE: Final = re.compile(r"([edn])(\d{1,6}):(\d{1,18})")
_LONGEST: Final = 20_000


def told(places: Places) -> str:
    """Return *places* as one word."""
    return ",".join(
        f"{_LETTERS[kind]}{partition}:{offset}"
        for (kind, partition), offset in sorted(places.items())
        if offset
    )


def heard(word: str) -> dict[tuple[Kind, int], int]:
    """Return the places that *word* tells.

    Raises:
        ValueError: It tells none.
    """
    if len(word) > _LONGEST:
        raise ValueError("too long for places in the topics")
    found: dict[tuple[Kind, int], int] = {}
    for part in word.split(",") if word else ():
        match = _PLACE.fullmatch(part)
        if match is None:
            msg = f"{part[:40]!r} is no place such as e0:17"
            raise ValueError(msg)
        found[_KINDS[match[1]], int(match[2])] = int(match[3])
    return found
