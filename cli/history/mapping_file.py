"""A mapping file, read and held to what the engine will ask of the events that it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cli.history.mapping import LogMapping
from shared.mapping.file import Incoherence, MappingError, parse_file
from shared.policy.findings import Finding
from shared.policy.shape.base import suggestion
from shared.runtime.files import why_unreadable

SERVICENOW: Final = (
    Path(__file__).parents[2] / "deploy" / "mapping" / "servicenow-incident-log.yaml"
)
"""The mapping that ships with Tierline."""


def load_mapping(path: Path) -> LogMapping:
    """Return the mapping in the file *path*.

    Raises:
        MappingError: It cannot be read or used; it names every line that is wrong.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = f"it cannot be read: {why_unreadable(error)}"
        finding = Finding(None, "", "error", why, "Name a mapping file.")
        raise MappingError(str(path), [finding]) from error
    return parse_mapping(text, name=str(path))


def parse_mapping(text: str, *, name: str = "mapping") -> LogMapping:
    """Return the mapping that *text* writes; *name* is how errors call the file.

    Raises:
        MappingError: It cannot be used.
    """
    return parse_file(text, LogMapping, name=name, see=_SEE, incoherent=_incoherent)


_SEE: Final = "See deploy/mapping/servicenow-incident-log.yaml for how it is written."


def _incoherent(mapping: LogMapping) -> Iterator[Incoherence]:
    """Find what would make the engine refuse rows, or a rule never speak."""
    yield from _unguarded(mapping)
    yield from _wordless(mapping)


def _unguarded(mapping: LogMapping) -> Iterator[Incoherence]:
    """Find pauses whose guards (docs/policy.md, Pauses) no row could meet."""
    asked = {
        word for rule in mapping.messages if rule.asks_customer for word in rule.status_becomes
    }
    for word, status in mapping.status.words.items():
        path = ("status", "words", word)
        if status == "waiting_customer" and word not in asked:
            yield (
                path,
                "a wait for the customer needs a public question in the same action, and no"
                " message of this mapping asks one",
                f"Add one to messages with status_becomes: [{word}] and asks_customer: true, or"
                " map the word to open.",
            )
        if status == "waiting_customer" and "requester" not in mapping.facts:
            yield (
                path,
                "a wait for the customer needs somebody to ask",
                "Name the column of who asked under facts.requester.",
            )
        if status == "scheduled_hold" and mapping.hold is None:
            yield (
                path,
                "a scheduled hold needs a date and the customer's agreement",
                "Name their columns under hold.",
            )


def _wordless(mapping: LogMapping) -> Iterator[Incoherence]:
    """Find rules of messages that name a status which the log does not have."""
    for number, rule in enumerate(mapping.messages):
        for word in rule.words:
            if word not in mapping.status.words:
                remedy = suggestion(word, list(mapping.status.words))
                yield ("messages", number), f"`{word}` is no word of status.words", remedy
