"""YAML text into plain values, with the place of each one in the text.

A policy is plain YAML: no anchors, no aliases, no tags, no second document, every key once. What
an alias could blow up, and what a repeated key would silently hide, is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from shared.policy.findings import Finding

Path: TypeAlias = tuple[str | int, ...]

LARGEST: Final = 1 << 20
"""The largest file that is read, in bytes."""

DEEPEST: Final = 16
"""How deep a file may be nested."""

_INTEGER: Final = re.compile(r"[-+]?\d{1,18}")
_FLOAT: Final = re.compile(r"[-+]?(\d{1,18}\.\d{0,18}|\.\d{1,18})([eE][-+]?\d{1,3})?")
_WORDS: Final = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands.

    Attributes:
        line: Its first line, from 1.
        start: Its first character in the text, from 0.
        end: The character after its last.
        kind: `scalar`, `flow` for `{…}` and `[…]`, `block` for what is written line by line.
        column: The column of its first character, from 0.
    """

    line: int
    start: int
    end: int
    kind: str
    column: int


@dataclass(frozen=True, slots=True)
class Tree:
    """A file as plain values: dicts with text keys, lists, text, numbers, booleans, None."""

    root: Any
    places: dict[Path, Place]

    def line_of(self, path: Path) -> int | None:
        """Return the line of *path*, or of the nearest thing around it that is in the file."""
        for length in range(len(path), -1, -1):
            place = self.places.get(path[:length])
            if place is not None:
                return place.line
        return None


class UnreadableError(Exception):
    """The text is no plain YAML; `findings` says where and why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(findings)
        self.findings = findings


def parse_tree(text: str) -> Tree:
    """Return *text* as plain values with their places.

    Raises:
        UnreadableError: It is too large, not YAML, or uses more of YAML than a policy may.
    """
    if len(text.encode(errors="surrogatepass")) > LARGEST:
        _stop(None, "", "the file is larger than 1 MiB", "A policy is a few hundred lines.")
    builder = _Builder()
    try:
        root = builder.document(iter(YAML(typ="safe", pure=True).parse(text)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        _stop(
            line, "", f"this is not YAML: {error.problem}", "Look at this line and the one above."
        )
    except YAMLError as error:
        first, *_ = str(error).splitlines() or [""]
        _stop(None, "", f"this is not YAML: {first}", "Save the file as UTF-8 text.")
    if builder.findings:
        raise UnreadableError(builder.findings)
    return Tree(root, builder.places)


def parse_value(text: str) -> Any:
    """Return the plain value that *text* writes: a scalar, or a list or mapping in one line.

    Raises:
        UnreadableError: It is no plain YAML.
    """
    return parse_tree(text).root


class _Builder:
    """Builds plain values from the parser's events, noting places and repeated keys."""

    def __init__(self) -> None:
        self.places: dict[Path, Place] = {}
        self.findings: list[Finding] = []

    def document(self, events: Iterator[Any]) -> Any:
        documents = 0
        root: Any = None
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(
                        event, (), "a second document begins here", "Keep one policy a file."
                    )
                    break
            elif isinstance(
                event, (ScalarEvent, MappingStartEvent, SequenceStartEvent, AliasEvent)
            ):
                root = self._value(event, events, ())
        return root

    def _value(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        if isinstance(event, AliasEvent) or event.anchor is not None:
            remedy = "Write the value out; anchors (&) and aliases (*) are not used here."
            self._refuse(event, path, "an anchor or an alias", remedy)
        if len(path) > DEEPEST:
            line = event.start_mark.line + 1
            _stop(line, dotted(path), "this is nested too deep", "See the shipped policy.")
        match event:
            case MappingStartEvent():
                return self._mapping(event, events, path)
            case SequenceStartEvent():
                return self._sequence(event, events, path)
            case ScalarEvent():
                self._note(event, event.end_mark.index, path, "scalar")
                return _scalar(event)
            case _:
                return None

    def _mapping(self, start: Any, events: Iterator[Any], path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        end = start.end_mark.index
        for event in events:
            if isinstance(event, MappingEndEvent):
                end = event.end_mark.index if start.flow_style else end
                break
            key = event.value if isinstance(event, ScalarEvent) else None
            if key is None:
                _stop(event.start_mark.line + 1, dotted(path), "a key is not a word", "Name it.")
            here = (*path, key)
            if key in found:
                first = self.places[here].line
                message = f"`{key}` is written a second time (first in line {first})"
                self._refuse(event, here, message, "Keep one of them.")
            found[key] = self._value(next(events), events, here)
            end = self.places[here].end if here in self.places else event.end_mark.index
            self._at_key(event, here)
        self._note(start, end, path, "flow" if start.flow_style else "block")
        return found

    def _sequence(self, start: Any, events: Iterator[Any], path: Path) -> list[Any]:
        found: list[Any] = []
        end = start.end_mark.index
        for event in events:
            if isinstance(event, SequenceEndEvent):
                end = event.end_mark.index if start.flow_style else end
                break
            here = (*path, len(found))
            found.append(self._value(event, events, here))
            end = self.places[here].end if here in self.places else event.end_mark.index
        self._note(start, end, path, "flow" if start.flow_style else "block")
        return found

    def _note(self, event: Any, end: int, path: Path, kind: str) -> None:
        mark = event.start_mark
        self.places[path] = Place(mark.line + 1, mark.index, end, kind, mark.column)

    def _at_key(self, key: Any, path: Path) -> None:
        """Let a block be found at its key, which stands a line above its first entry."""
        place = self.places.get(path)
        if place is not None and place.kind == "block":
            line = key.start_mark.line + 1
            self.places[path] = Place(line, place.start, place.end, place.kind, place.column)

    def _refuse(self, event: Any, path: Path, message: str, remedy: str) -> None:
        line = event.start_mark.line + 1
        self.findings.append(Finding(line, dotted(path), "error", message, remedy))


def _scalar(event: ScalarEvent) -> Any:
    """Return what a scalar means: quoted it is text, plain it may be a number or a word."""
    text: str = event.value
    if event.style is not None:
        return text
    if text.lower() in _WORDS and text in (text.lower(), text.capitalize(), text.upper()):
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def dotted(path: Path) -> str:
    """Return *path* as people write it: `ladders.P1.steps.0.after`."""
    return ".".join(str(part) for part in path)


def _stop(line: int | None, key: str, message: str, remedy: str) -> NoReturn:
    raise UnreadableError([Finding(line, key, "error", message, remedy)])
