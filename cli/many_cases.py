"""What a process does that holds many cases until it ends: it spends no time on looking for garbage."""

from __future__ import annotations

from typing import Final

from shared.runtime.collecting import collect_seldom

_COLLECT_AFTER: Final = 100_000


def hold_many_cases() -> None:
    """Let the collector look seldom, and at nothing that is loaded by now.

    Cases live to the end and hold no cycles, so looking for garbage among them is time lost: of
    ten thousand it takes nearly half.
    """
    collect_seldom(_COLLECT_AFTER)
