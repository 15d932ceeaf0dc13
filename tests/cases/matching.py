"""How an expectation of a case file matches a decision or a snapshot.

A mapping matches partially, a plain list in order; times compare as instants. A mapping held
against a list looks its elements up by `name` or `track`. `{contains: …}`, `{only: …}`,
`{lacks: …}`, `{any_of: …}`, `{like: …}` and `{not_after: …}` say more than equality.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Final

from shared.contract.times import parse_instant

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)")


def matches(want: Any, got: Any) -> bool:
    """Whether *got* is what the expectation *want* describes."""
    if isinstance(want, dict):
        operator = next(iter(want)) if len(want) == 1 else None
        if operator in _OPERATORS:
            return _OPERATORS[operator](want[operator], got)
        return _mapping(want, got)
    if isinstance(want, list):
        return isinstance(got, list) and len(want) == len(got) and all(map(matches, want, got))
    if _is_instant(want) and _is_instant(got):
        return parse_instant(want) == parse_instant(got)
    return bool(want == got and isinstance(want, bool) == isinstance(got, bool))


def _mapping(want: dict[str, Any], got: Any) -> bool:
    if isinstance(got, list):
        got = {item.get("name", item.get("track")): item for item in got}
    return isinstance(got, dict) and all(matches(item, got.get(key)) for key, item in want.items())


def _is_instant(value: Any) -> bool:
    return isinstance(value, str) and _INSTANT.fullmatch(value) is not None


def _contains(want: list[Any], got: Any) -> bool:
    """Whether each item of *want* finds an element of *got* of its own."""
    if not want:
        return True
    if not isinstance(got, list):
        return False
    first, *rest = want
    return any(
        matches(first, found) and _contains(rest, got[:at] + got[at + 1 :])
        for at, found in enumerate(got)
    )


_OPERATORS: Final[dict[str | None, Callable[[Any, Any], bool]]] = {
    "contains": _contains,
    "only": lambda want, got: (
        isinstance(got, list) and len(want) == len(got) and _contains(want, got)
    ),
    "lacks": lambda want, got: (
        isinstance(got, list) and not any(matches(item, found) for item in want for found in got)
    ),
    "any_of": lambda want, got: any(matches(choice, got) for choice in want),
    "like": lambda want, got: isinstance(got, str) and fnmatchcase(got, want),
    "not_after": lambda want, got: _is_instant(got) and parse_instant(got) <= parse_instant(want),
}
