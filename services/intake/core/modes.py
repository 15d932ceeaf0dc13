"""The three ways in which CloudEvents come over HTTP, told apart and brought into one."""

from __future__ import annotations

from collections.abc import Container, Mapping
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
BINARY: Final = "application/json"

_SPECVERSION: Final = b"ce-specversion"


class Mode(StrEnum):
    """How a request carries its events."""

    STRUCTURED = "structured"
    BATCH = "batch"
    BINARY = "binary"


_MODES: Final = {STRUCTURED: Mode.STRUCTURED, BATCH: Mode.BATCH, BINARY: Mode.BINARY}


def mode_of(content_type: str, names: Container[bytes]) -> Mode | None:
    """Return how a request carries its events, or None where it carries none.

    None is for another content type, a character set that is not UTF-8, and plain JSON without the
    header ``ce-specversion``. The header *names* are in lower case, as ASGI has them.
    """
    kind, _, parameters = content_type.partition(";")
    if parameters and not _is_utf8(parameters):
        return None
    mode = _MODES.get(kind.strip().lower())
    if mode is Mode.BINARY and _SPECVERSION not in names:
        return None
    return mode


def from_binary(headers: Mapping[bytes, bytes], data: Any) -> dict[str, Any]:
    """Return the event whose attributes are the ``ce-*`` headers and whose data is the body."""
    event: dict[str, Any] = {
        name[3:].decode("latin-1"): unquote(text.decode("latin-1"))
        for name, text in headers.items()
        if name.startswith(b"ce-") and name != b"ce-data"
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
