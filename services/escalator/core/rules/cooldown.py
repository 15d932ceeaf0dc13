"""After a raise to executives they are left alone for a while (Executives)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from services.escalator.core.escalations import join
from services.escalator.core.turn import Turn
from shared.policy.document import Addressee

if TYPE_CHECKING:
    from services.escalator.core.rules.worsening import Before


def is_on(turn: Turn) -> bool:
    """Whether a request for executives is refused now; the last second counts."""
    since = turn.case.exec_raised_at
    return since is not None and turn.at <= since + turn.policy.exec_cooldown


def break_off(turn: Turn, was: Before, *, flagged: bool) -> bool:
    """End the cool-down if the case got worse in a way that the policy names; say whether it did."""
    case = turn.case
    if not is_on(turn):
        return False
    happened = {
        "priority_raised": case.priority < was.priority,
        "impact_band_raised": case.impact > was.impact,
        "override_set": flagged,
    }
    if not any(happened[word] for word in turn.policy.file.triggers.exec_cooldown.broken_by):
        return False
    case.exec_raised_at = None
    return True


def tell_again(turn: Turn, was: Before, flags: Iterable[str]) -> None:
    """Tell the first people of an open escalation to executives what has changed since *was*."""
    case = turn.case
    one = case.open_on("hierarchical")
    if one is None or one.target != "exec":
        return
    changed = [f"{flag} was set" for flag in flags]
    if (was.cell, was.priority) != (case.cell, case.priority):
        changed.append(f"{was.cell} {was.priority} became {case.cell} {case.priority}")
    told = [(Addressee(role, fyi=False), one.mode) for role in one.people]
    join(turn, one, ["T20"], told, changed)
