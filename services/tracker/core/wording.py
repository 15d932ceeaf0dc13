"""What only a page says: how late a decision was, and text that cannot disturb its layout."""

from __future__ import annotations

import re
from typing import Final

from shared.contract.lengths import span
from shared.contract.sentences import Plain

_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]"
)


def plain(text: str) -> str:
    """Return *text* with what could disturb a page's layout made visible: controls, bidi marks."""
    return _CONTROLS.sub("\ufffd", text)


def late(data: Plain, late_after_s: float) -> str | None:
    """Return how late a decision was made; None where that was in time.

    Args:
        data: The decision's data.
        late_after_s: More virtual seconds than this after its effective time is late.
    """
    late_by_s = data.get("late_by_s") or 0
    if late_by_s <= late_after_s:
        return None
    return f"decided {span(late_by_s)} late"
