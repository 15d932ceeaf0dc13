"""What people may see of a body: no secret, no whole mail address, no long text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

HIDDEN: Final = "(hidden)"
"""Stands for what is not shown."""

_SECRET: Final = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|api[-_]?key|authorization|cookie|credential|signature"
    r"|private[-_]?key|hmac",
    re.IGNORECASE,
)
_MAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+(@[A-Za-z0-9.-]+)")
_LONGEST: Final = 300


def is_secret(name: str) -> bool:
    """Return whether what is called *name* is likely a secret."""
    return _SECRET.search(name) is not None


def redacted(content: Any) -> Any:
    """Return JSON *content* as it may be shown."""
    if isinstance(content, dict):
        return {
            name: HIDDEN if is_secret(name) and not isinstance(part, bool) else redacted(part)
            for name, part in content.items()
        }
    if isinstance(content, list):
        return [redacted(part) for part in content]
    if isinstance(content, str):
        text = _MAIL.sub(r"…\1", content)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return content


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return *headers* without what proves who sends."""
    return {name: HIDDEN if is_secret(name) else text for name, text in headers.items()}
