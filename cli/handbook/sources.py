"""The handbook's pages as they are written: a head with title, owner and date, then Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parents[2] / "docs" / "handbook"
"""The pages that ship with Tierline."""

REVIEWED_EVERY: Final = timedelta(days=183)
"""How long a page holds after somebody has read it: half a year."""

_HEAD: Final = re.compile(r"---\n(.*?)\n---\n", re.DOTALL)
_KEYS: Final = ("title", "owner", "reviewed", "order")


class UnreadablePageError(Exception):
    """A page's head is not as it should be; the message names file and remedy."""


@dataclass(frozen=True, slots=True)
class Source:
    """One page before anything is filled in.

    Attributes:
        name: Its file without the ending, and its address in the site.
        title: What it is called.
        owner: The role that keeps it right.
        reviewed: When somebody last read it against the work.
        order: Where it stands in the contents.
        text: Markdown in which every number and name is a template's.
    """

    name: str
    title: str
    owner: str
    reviewed: date
    order: int
    text: str

    def is_stale(self, today: date) -> bool:
        """Whether nobody has reviewed it for too long on *today*."""
        return today > self.reviewed + REVIEWED_EVERY


def pages_in(folder: Path) -> list[Source]:
    """Return the pages in *folder*, in the order of the contents.

    Raises:
        UnreadablePageError: There is none, or one has no proper head.
    """
    found = sorted(_read(folder), key=lambda one: (one.order, one.name))
    if not found:
        msg = f"there is no page in {folder}; name the folder of the handbook's sources"
        raise UnreadablePageError(msg)
    return found


def _read(folder: Path) -> Iterator[Source]:
    for file in sorted(folder.glob("*.md")):
        yield parsed(file.stem, file.read_text(encoding="utf-8"))


def parsed(name: str, text: str) -> Source:
    """Return the page *name* that *text* writes.

    Raises:
        UnreadablePageError: Its head lacks a key, or a value is not readable.
    """
    head = _HEAD.match(text)
    lines = [] if head is None else head[1].splitlines()
    given = {key.strip(): value.strip() for key, _, value in (one.partition(":") for one in lines)}
    missing = [key for key in _KEYS if not given.get(key)]
    if head is None or missing:
        lacking = ", ".join(missing or _KEYS)
        msg = (
            f"{name}.md: its head lacks {lacking}; begin with --- title, owner, reviewed, order ---"
        )
        raise UnreadablePageError(msg)
    try:
        reviewed, order = date.fromisoformat(given["reviewed"]), int(given["order"])
    except ValueError as error:
        msg = f"{name}.md: {error}; write reviewed: 2026-11-20 and order: 3"
        raise UnreadablePageError(msg) from error
    return Source(name, given["title"], given["owner"], reviewed, order, text[head.end() :])
