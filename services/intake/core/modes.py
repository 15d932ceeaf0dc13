"""The three ways in which CloudEvents come over HTTP, told apart and brought into one."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from services.intake.core.limits import parse
from shared.contract.errors import Flaw, InvalidEventError

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
BINARY: Final = "application/json"

_SPECVERSION: Final = b"ce-specversion"
_PREFIX: Final = b"ce-"
_NO_ATTRIBUTES: Final = frozenset({b"ce-data", b"ce-data_base64", b"ce-datacontenttype"})
_JSON: Final = re.compile(r"(application|text)/([a-z0-9!#$&^_.-]+\+)?json")
_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"')


class Mode(StrEnum):
    """How a request carries its events."""

    STRUCTURED = "structured"
    BATCH = "batch"
    BINARY = "binary"


_WHOLE: Final = {STRUCTURED: Mode.STRUCTURED, BATCH: Mode.BATCH}


def mode_of(content_type: str, names: Container[bytes]) -> Mode | None:
    """Return how a request carries its events, or None where it carries none.

    None is for another content type, a character set that is not UTF-8, and plain JSON without the
    header ``ce-specversion``. Binary events are JSON, also where no content type says so. The
    header *names* are in lower case, as ASGI has them.
    """
    kind, _, parameters = content_type.partition(";")
    if parameters and not _is_utf8(parameters):
        return None
    kind = kind.strip().lower()
    mode = _WHOLE.get(kind)
    if mode is None and _SPECVERSION in names and (not kind or _is_plain_json(kind)):
        return Mode.BINARY
    return mode


def from_binary(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> dict[str, Any]:
    """Return the event whose attributes are the ``ce-*`` headers and whose data is the *body*.

    A header's text is unquoted, then percent-decoded once, then read as UTF-8 (CloudEvents, HTTP
    protocol binding, 3.1.3.2). An empty body is no data.

    Raises:
        InvalidEventError: A header comes twice or is not UTF-8, or the body is not strict JSON.
    """
    event: dict[str, Any] = {}
    for name, text in headers:
        if name == b"content-type":
            event["datacontenttype"] = text.decode("latin-1")
        elif name.startswith(_PREFIX) and name not in _NO_ATTRIBUTES:
            attribute = name[len(_PREFIX) :].decode("latin-1")
            if attribute in event:
                raise _unclear(attribute, "the header comes twice", "Send each header once.")
            event[attribute] = _unescaped(attribute, text)
    if body:
        event["data"] = parse(body)
    return event


def _unescaped(attribute: str, text: bytes) -> str:
    quoted = _QUOTED.fullmatch(text.strip())
    if quoted is not None:
        text = re.sub(rb"\\(.)", rb"\1", quoted[1])
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise _unclear(
            attribute, "not UTF-8", "Percent-encode the bytes of its UTF-8: %C3%A9 for é."
        ) from None


def _unclear(attribute: str, problem: str, remedy: str) -> InvalidEventError:
    return InvalidEventError((Flaw(f"ce-{attribute[:40]}", problem, remedy),))


def _is_plain_json(kind: str) -> bool:
    return not kind.startswith("application/cloudevents") and bool(_JSON.fullmatch(kind))


def _is_utf8(parameters: str) -> bool:
    for parameter in parameters.split(";"):
        name, _, text = parameter.partition("=")
        if name.strip().lower() == "charset":
            return text.strip().strip('"').lower() in {"utf-8", "utf8", "us-ascii"}
    return True
