"""Lengths of time as people read them."""

from __future__ import annotations

from typing import Final

_MINUTE: Final = 60
_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", _MINUTE), ("s", 1))


def span(length_s: float) -> str:
    """Return *length_s* seconds of the wall, without the sign: `1 d 2 h`, `2 h 5 min`, `40 min`.

    The two largest units, and seconds only where there is nothing larger.
    """
    seconds = abs(int(length_s))
    shown = seconds if seconds < _MINUTE else seconds // _MINUTE * _MINUTE
    return " ".join(_parts(shown, _UNITS)[:2]) or "0 s"


def hours(length_s: int) -> str:
    """Return *length_s* seconds to the second, in hours however many: `40 h`, `2 h 5 min 12 s`.

    What a calendar counts is never said in days: a working day is shorter than 24 hours.
    """
    return " ".join(_parts(length_s, _UNITS[1:])) or "0 min"


def _parts(seconds: int, units: tuple[tuple[str, int], ...]) -> list[str]:
    parts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return parts
