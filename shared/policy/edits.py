"""Single values changed in a policy's text, comments and layout kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final, TypeAlias

from shared.policy.findings import Finding, PolicyError
from shared.policy.tree import Path, Tree, UnreadableError, dotted, parse_tree, parse_value

Splice: TypeAlias = tuple[int, int, str]
"""What stands from one character to another is replaced by a text."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.%-]*")
_NEAREST: Final = 3


def with_edits(text: str, edits: Mapping[str, str], name: str) -> str:
    """Return *text* with each value of *edits* at its path; *name* is how errors call it.

    A key that its section may have and does not have yet is added.

    Raises:
        PolicyError: A path leads nowhere, a value is not plain YAML, or two paths overlap.
    """
    tree = parse_tree(text)
    findings: list[Finding] = []
    splices: list[Splice] = []
    for path, value in edits.items():
        try:
            splices.append(_splice(tree, text, path, _written(parse_value(value))))
        except UnreadableError as error:
            found = error.findings[0]
            findings.append(Finding(None, path, "error", found.message, found.remedy))
    if findings:
        raise PolicyError(name, findings)
    splices.sort()
    if any(after[0] < before[1] for before, after in pairwise(splices)):
        overlap = "two changes touch the same place"
        remedy = "Change a section as a whole, or its values one by one."
        raise PolicyError(name, [Finding(None, "", "error", overlap, remedy)])
    for start, end, value in reversed(splices):
        text = text[:start] + value + text[end:]
    return text


def _splice(tree: Tree, text: str, path: str, value: str) -> Splice:
    keys: Path = tuple(int(part) if part.isdigit() else part for part in path.split("."))
    place = tree.places.get(keys)
    if place is not None:
        return place.start, place.start + len(text[place.start : place.end].rstrip()), value
    section = tree.places.get(keys[:-1])
    if section is None or not isinstance(_at(tree.root, keys[:-1]), dict):
        raise UnreadableError([_nowhere(tree, path)])
    if section.kind == "block":
        return section.start, section.start, f"{keys[-1]}: {value}\n{' ' * section.column}"
    inside = text[section.start + 1 : section.end - 1].rstrip()
    end = section.start + 1 + len(inside)
    return end, end, f"{', ' if inside else ''}{keys[-1]}: {value}"


def _at(root: Any, path: Path) -> Any:
    for part in path:
        root = root[part]
    return root


def _nowhere(tree: Tree, path: str) -> Finding:
    known = [dotted(keys) for keys in tree.places if keys]
    near = get_close_matches(path, known, n=_NEAREST, cutoff=0.5)
    remedy = f"Near it: {', '.join(near)}." if near else "Write the keys with dots between."
    return Finding(None, path, "error", "there is no such key", remedy)


def _written(value: Any) -> str:
    """Return *value* on one line, in a way that fits into any place of a file."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_written(k)}: {_written(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(_written(item) for item in value) + "]"
        case str() if _PLAIN.fullmatch(value) and parse_value(value) == value:
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
