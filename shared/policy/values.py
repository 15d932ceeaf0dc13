"""What a policy says, value by value, and in the words in which people read a value.

A value is found by its path through the file as it was understood, so `4h` and `240m` are one value
and a key that was left out has the value that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

from shared.contract.lengths import hours
from shared.policy.shape.file import PolicyFile
from shared.policy.tree import Path

_COUNTED: Final = frozenset(
    {"start_tier", "min_tier", "to", "users", "orgs", "count", "distinct_requesters", "version"}
)
"""Keys whose whole numbers are no lengths of time."""
_HOUR: Final = 3600
_MINUTE: Final = 60


class Changed(NamedTuple):
    """One value that differs; None where a side has none. A value may be a whole section."""

    path: Path
    before: Any
    after: Any


def said(file: PolicyFile) -> dict[str, Any]:
    """Return everything that *file* says, as plain values by the file's own keys."""
    return file.model_dump(by_alias=True)


def changed(before: Any, after: Any, path: Path = ()) -> Iterator[Changed]:
    """Yield every value in which *before* and *after* differ, as deep down as both have something."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from changed(before.get(key), after.get(key), (*path, key))
    elif _is_list_of_sections(before) and _is_list_of_sections(after):
        for index in range(max(len(before), len(after))):
            yield from changed(_item(before, index), _item(after, index), (*path, index))
    else:
        yield Changed(path, before, after)


def written(path: Path, value: Any) -> str:
    """Return *value*, which stands at *path*, as people read it."""
    key = path[-1] if path else ""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value) if key in _COUNTED else hours(value)
        case Mapping():
            told = [
                f"{name} {written((*path, name), one)}"
                for name, one in value.items()
                if _matters(one)
            ]
            return ", ".join(told) or "nothing"
        case tuple() if len(path) > 1 and path[-2] == "open":
            return (
                ", ".join(f"{_clock(opens)}-{_clock(closes)}" for opens, closes in value)
                or "closed"
            )
        case tuple():
            return ", ".join(written(path, one) for one in value) or "nobody"
        case _:
            return _share(key, str(value))


def _share(key: str | int, text: str) -> str:
    if key == "dwell_factor":
        return f"{float(Fraction(text)):g}"
    if key in {"share", "warn_at"}:
        return f"{float(Fraction(text) * 100):g} %"
    return text


def _clock(seconds: int) -> str:
    return f"{seconds // _HOUR:02}:{seconds // _MINUTE % 60:02}"


def _matters(value: Any) -> bool:
    return value is not None and value is not False and value != ()


def _is_list_of_sections(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(one, Mapping) for one in value)


def _item(listed: tuple[Any, ...], index: int) -> Any:
    return listed[index] if index < len(listed) else None
