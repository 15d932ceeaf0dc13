"""The errors of the file's shape in words that a support lead can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from shared.policy.findings import Finding
from shared.policy.shape.base import suggestion
from shared.policy.tree import Path, Tree, dotted

_QUOTED: Final = re.compile(r"'([^']*)'|(?<![\w'])(\d+|True|False)(?![\w'])")
_SHOWN: Final = 40


def findings_of(error: ValidationError, tree: Tree) -> list[Finding]:
    """Return one finding for each thing that *error* says of the file in *tree*, by line."""
    found: dict[tuple[Path, str], Finding] = {}
    for details in error.errors():
        if details["type"] == "too_short" and details["input"]:
            continue  # something is listed, and what is wrong with it is said there
        path = _path(details["loc"], tree)
        message, remedy = _said(details["type"], path, details.get("ctx", {}), details["input"])
        finding = Finding(tree.line_of(path), dotted(path), "error", message, remedy)
        found.setdefault((path, message), finding)
    return sorted(found.values(), key=lambda one: one.line or 0)


def _path(loc: tuple[int | str, ...], tree: Tree) -> Path:
    """Return where in the file *loc* is; it may end with parts that name a type, not a key."""
    path: Path = tuple(part for part in loc if part != "[key]")
    for length in range(len(path), 0, -1):
        if path[:length] in tree.places:
            rest = path[length:]
            return path if len(rest) == 1 and str(rest[0]).isidentifier() else path[:length]
    return path[:1]


def _said(kind: str, path: Path, ctx: Mapping[str, Any], given: Any) -> tuple[str, str]:
    """Return what is wrong and what would be accepted."""
    key = path[-1] if path else "the file"
    problem = str(ctx.get("problem", ""))
    match kind:
        case "missing":
            return f"`{key}` is missing", "Add it; the shipped policy shows how it is written."
        case "literal_error":
            words = [a or b for a, b in _QUOTED.findall(str(ctx.get("expected", "")))]
            return f"{shown(given)} is not accepted here", _choices(given, words)
        case "model_type" | "model_attributes_type" | "dict_type":
            return (
                f"{shown(given)} stands where keys with values belong",
                "Write `key: value` pairs.",
            )
        case "tuple_type":
            return f"{shown(given)} stands where a list belongs", "Write it in brackets: [a, b]."
        case "too_short":
            return "nothing is listed here", "Name at least one."
        case "string_type" | "string_too_short":
            return f"{shown(given)} is not a text", "Write words; put numbers in quotes."
        case _ if "remedy" in ctx:
            return problem, str(ctx["remedy"])
        case _:
            return f"{shown(given)} is not accepted here", f"{problem or kind}."


def _choices(given: Any, words: list[str]) -> str:
    if len(words) == 1:
        return f"Only `{words[0]}` is accepted."
    told = suggestion(str(given), words)
    return told if told.startswith("Did") else f"Write one of: {', '.join(words)}."


def shown(given: Any) -> str:
    """Return *given*, a value of a file, as an error quotes it."""
    if given is None:
        return "nothing"
    text = str(given)
    return f"`{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}`"
