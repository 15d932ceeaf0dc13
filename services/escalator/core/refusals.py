"""An act that is refused: what is missing, what would have been accepted, nothing else changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.escalator.core.turn import Turn


def refuse(
    turn: Turn,
    act_id: str,
    by: str | None,
    code: str,
    *,
    missing: Sequence[str] = (),
    allowed: Sequence[str] = (),
    facts: dict[str, Any] | None = None,
) -> None:
    """Record that the act *act_id* of *by* is refused with *code* (Refusals).

    Where fields of a form of `required_info` are *missing*, *facts* name it as `form`.
    """
    more = {
        "act_id": act_id,
        "by": by,
        "code": code,
        "missing": list(missing),
        "allowed": list(allowed),
    }
    turn.say("act.refused", (), more, facts=facts)
