"""Places in what a helpdesk posts, and what stands there.

issue.fields.status.name         a key in a key
ticket_parts.-1.author.name      an item of a list, from 0, or from -1 backwards
issue.labels[].name              of every item of a list
header:X-GitHub-Event            a header of the request
{repository.full_name}#{issue.number}    put together; nothing where a part says nothing
detail.id | ticket_id            the first that says something
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator

Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]
Value: TypeAlias = str | tuple[str, ...] | None

EACH: Final = "[]"
"""The step that means every item of a list."""

_HEADER: Final = "header:"
_STEP: Final = re.compile(r"[^.:{}|\[\]]+")
_INDEX: Final = re.compile(r"-?\d{1,6}")
_PART: Final = re.compile(r"\{([^{}]*)\}")
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Posted:
    """What was posted: the body as parsed JSON, and headers by their names in lower case."""

    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Choice:
    """One alternative of a place: paths, and the text that they are put into, if any."""

    paths: tuple[Path, ...]
    template: str | None


def _known_place(text: str) -> str:
    _parsed(text)
    return text


PlaceText: TypeAlias = Annotated[str, AfterValidator(_known_place)]
"""A place as a mapping writes it."""


def paths_of(place: str) -> Iterator[Path]:
    """Yield every path in the body that *place* reads."""
    for choice in _parsed(place):
        yield from (path for path in choice.paths if path[0] != _HEADER)


def is_told(place: str, posted: Posted) -> bool:
    """Return whether *place* is in what was posted, be it null or empty."""
    return any(_found(choice, posted) is not _ABSENT for choice in _parsed(place))


def says(place: str, posted: Posted) -> bool:
    """Return whether something stands at *place*: no null, no empty text, list or object."""
    return any(_found(one, posted) not in (_ABSENT, None, "", [], {}) for one in _parsed(place))


def value(place: str, posted: Posted) -> Value:
    """Return what stands at *place* as text, or a list of texts; None where that is nothing.

    Numbers and booleans are texts as JSON writes them; an object says nothing by itself.
    """
    for choice in _parsed(place):
        text = _text(_found(choice, posted))
        if text:
            return text
    return None


def text_at(place: str, posted: Posted) -> str | None:
    """Return what stands at *place* as one text; the items of a list are joined by commas."""
    found = value(place, posted)
    return ", ".join(found) if isinstance(found, tuple) else found


def items(place: str, posted: Posted) -> list[Posted]:
    """Return every object in the list at *place*, as if each had been posted by itself."""
    for choice in _parsed(place):
        found = _found(choice, posted)
        if isinstance(found, list):
            return [Posted(one, posted.headers) for one in found if isinstance(one, dict)]
    return []


@lru_cache(4096)
def _parsed(place: str) -> tuple[_Choice, ...]:
    return tuple(_choice(one.strip()) for one in place.split("|"))


def _choice(text: str) -> _Choice:
    if "{" in text or "}" in text:
        paths = tuple(_path(part) for part in _PART.findall(text))
        if not paths or "{" in _PART.sub("", text) or "}" in _PART.sub("", text):
            msg = f"`{text}` is put together of no {{place}}"
            raise ValueError(msg)
        return _Choice(paths, text)
    return _Choice((_path(text),), None)


def _path(text: str) -> Path:
    text = text.strip()
    if text.startswith(_HEADER) and text != _HEADER:
        return (_HEADER, text.removeprefix(_HEADER).lower())
    steps: list[Step] = []
    for part in text.split("."):
        name, each = part.removesuffix(EACH), part.endswith(EACH)
        if not _STEP.fullmatch(name):
            msg = f"`{text}` is no place; write one like issue.fields.status.name"
            raise ValueError(msg)
        steps.append(int(name) if _INDEX.fullmatch(name) else name)
        steps += [EACH] if each else []
    return tuple(steps)


def _found(choice: _Choice, posted: Posted) -> Any:
    found = [
        posted.headers.get(str(path[1]), _ABSENT) if path[0] == _HEADER else _at(posted.body, path)
        for path in choice.paths
    ]
    if choice.template is None:
        return found[0]
    if any(one is _ABSENT for one in found):
        return _ABSENT
    texts = [_text(one) for one in found]
    if not all(isinstance(one, str) for one in texts):
        return None
    parts = iter(texts)
    return _PART.sub(lambda _: str(next(parts)), choice.template)


def _at(body: Any, path: Path) -> Any:
    for number, step in enumerate(path):
        if step == EACH:
            if not isinstance(body, list):
                return _ABSENT
            inner = [_at(one, path[number + 1 :]) for one in body]
            return [one for one in inner if one is not _ABSENT]
        if isinstance(body, dict):
            body = body.get(str(step), _ABSENT)
        elif isinstance(body, list) and isinstance(step, int) and -len(body) <= step < len(body):
            body = body[step]
        else:
            return _ABSENT
    return body


def _text(found: Any) -> Value:
    if isinstance(found, list):
        return tuple(text for one in found if isinstance(text := _text(one), str))
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str):
        return found.strip() or None
    return str(found) if isinstance(found, int | float) else None
