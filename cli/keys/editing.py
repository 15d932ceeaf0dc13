"""Entries of a file of keys: added, limited, taken out; comments and layout are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

_HEAD: Final = "# Who may post: `tierline keys` writes this file. Only hashes of keys are in it.\n"
_WIDE: Final = 4096


def with_entry(text: str, entry: Mapping[str, Any]) -> str:
    """Return *text* with *entry* at its end."""
    return _edited(text, lambda keys: keys.append(CommentedMap(entry)))


def with_expiry(text: str, hashes: Collection[str], at: datetime) -> str:
    """Return *text* with the keys *hashes* known until *at* (aware, UTC) only."""

    def change(keys: CommentedSeq) -> None:
        for one in keys:
            if one["sha256"] in hashes:
                one["expires"] = at

    return _edited(text, change)


def without(text: str, hashes: Collection[str]) -> str:
    """Return *text* without the keys *hashes*."""

    def change(keys: CommentedSeq) -> None:
        for number in reversed(range(len(keys))):
            if keys[number]["sha256"] in hashes:
                del keys[number]

    return _edited(text, change)


def _edited(text: str, change: Callable[[CommentedSeq], None]) -> str:
    yaml = YAML()
    yaml.width = _WIDE
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(datetime, _moment)
    document = yaml.load(text or f"{_HEAD}keys: []\n")
    if not document["keys"]:
        document["keys"] = CommentedSeq()
    change(document["keys"])
    written = StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _moment(representer: Any, at: datetime) -> Any:
    """Write a time as this file does: RFC 3339 in UTC."""
    text = at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return representer.represent_scalar("tag:yaml.org,2002:timestamp", text)
