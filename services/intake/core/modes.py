"""The three ways in which CloudEvents come over HTTP, told apart and brought into one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
BINARY: Final = "application/json"

Headers = Iterable[tuple[str, str]]


class Mode(StrEnum):
    """How a request carries its events."""

    STRUCTURED = "structured"
    BATCH = "batch"
    BINARY = "binary"


_MODES: Final = {STRUCTURED: Mode.STRUCTURED, BATCH: Mode.BATCH, BINARY: Mode.BINARY}


def mode_of(content_type: str | None, names: Iterable[str]) -> Mode | None:
    """Return how a request with this content type and these header *names* carries its events.

    None where it does not: another content type, a character set that is not UTF-8, or plain JSON
    without the header ``ce-specversion``.
    """
    kind, _, parameters = (content_type or "").partition(";")
    if not _is_utf8(parameters):
        return None
    mode = _MODES.get(kind.strip().lower())
    if mode is Mode.BINARY and not any(name.lower() == "ce-specversion" for name in names):
        return None
    return mode


def from_binary(given: Headers, data: Any) -> dict[str, Any]:
    """Return the event whose attributes are the ``ce-*`` headers and whose data is the body."""
    event: dict[str, Any] = {
        name[3:].lower(): unquote(text)
        for name, text in given
        if name.lower().startswith("ce-") and name[3:].lower() != "data"
    }
    event["datacontenttype"] = BINARY
    event["data"] = data
    return event


def _is_utf8(parameters: str) -> bool:
    for parameter in parameters.split(";"):
        name, _, text = parameter.partition("=")
        if name.strip().lower() == "charset":
            return text.strip().strip('"').lower() in {"utf-8", "utf8", "us-ascii"}
    return True
