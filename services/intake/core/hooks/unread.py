"""What a body holds that its mapping does not read: shown to who writes one, and kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from services.intake.core.hooks.places import EACH, Path, paths_of
from services.intake.core.hooks.redaction import is_secret
from services.intake.core.hooks.shape import HookMapping, message_places

_MOST_KEPT: Final = 40
_LONGEST_KEPT: Final = 200


def unread(mapping: HookMapping, body: Any) -> list[tuple[str, Any]]:
    """Return each value of *body* that *mapping* does not read, with its place."""
    read = list(_read(mapping))
    return [
        (".".join(str(step) for step in path), found)
        for path, found in _leaves(body, ())
        if not any(_covers(one, path) for one in read)
    ]


def kept(mapping: HookMapping, body: Any) -> dict[str, Any]:
    """Return what *mapping* does not read of *body*, as much as an event should carry along.

    Texts are cut, and what is empty, secret or no text for a database is left out.
    """
    found: dict[str, Any] = {}
    for place, one in unread(mapping, body):
        if len(found) >= _MOST_KEPT:
            break
        if one in (None, "") or is_secret(place) or not _is_plain(place):
            continue
        if isinstance(one, str):
            if not _is_plain(one):
                continue
            one = one[:_LONGEST_KEPT]  # noqa: PLW2901  the cut text takes its place
        found[place[:_LONGEST_KEPT]] = one
    return found


def _read(mapping: HookMapping) -> Iterator[Path]:
    for place in mapping.places():
        yield from paths_of(place)
    for message in mapping.written:
        if message.each is not None:
            for outer in paths_of(message.each):
                for place in message_places(message):
                    yield from ((*outer, EACH, *inner) for inner in paths_of(place))


def _leaves(part: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(part, dict):
        inner = part.items()
    elif isinstance(part, list):
        inner = enumerate(part)
    else:
        yield path, part
    for step, one in inner:
        yield from _leaves(one, (*path, step))


def _covers(read: Path, leaf: Path) -> bool:
    """Whether the path *read* leads to *leaf* or to something around it; any index is like any."""
    return len(read) <= len(leaf) and all(
        mine == its or (isinstance(its, int) and (mine == EACH or isinstance(mine, int)))
        for mine, its in zip(read, leaf, strict=False)
    )


def _is_plain(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
