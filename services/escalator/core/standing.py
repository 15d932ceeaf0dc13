"""How grave a case is: its cell, and the flags that can only make it stricter (Overrides)."""

from __future__ import annotations

from collections.abc import Iterable

from services.escalator.core.turn import Turn
from shared.contract.times import Seconds
from shared.policy.document import Addressee, Cell, Override


def cell(turn: Turn) -> Cell:
    """Return the cell of the case under the rules in force."""
    return turn.policy.cell(turn.case.severity, turn.case.impact)


def overrides(turn: Turn, flags: Iterable[str] | None = None) -> list[Override]:
    """Return what *flags*, by default all flags of the case, ask for."""
    known = turn.policy.overrides
    return [known[name] for name in (turn.case.flags if flags is None else flags) if name in known]


def priority(turn: Turn) -> str:
    """Return the priority of the case: its group's, or that of cell and flags."""
    case = turn.case
    if case.group is not None and case.group_priority is not None:
        return case.group_priority
    return min([cell(turn).priority, *(one.min_priority for one in overrides(turn))])


def start_tier(turn: Turn) -> int:
    """Return the tier in which a case like this begins."""
    own = cell(turn).start_tier
    if not turn.case.flags:
        return own
    return max([own, *(one.min_tier or 1 for one in overrides(turn))])


def exec_inform(turn: Turn) -> Seconds | None:
    """Return how soon a flag wants executives to be told, or None."""
    asked = [one.exec_inform for one in overrides(turn) if one.exec_inform is not None]
    return min(asked, default=None)


def is_restricted(turn: Turn) -> bool:
    """Whether the case is kept out of open rooms."""
    return any(one.restricted for one in overrides(turn))


def cell_people(turn: Turn) -> list[Addressee]:
    """Return the cell's start list without the departments that get an escalation of their own."""
    listed = cell(turn).notify_at_start
    return [one for one in listed if one.fyi or turn.policy.department_of_duty(one.role) is None]


def cell_departments(turn: Turn) -> list[str]:
    """Return the departments of the cell's start list that are asked to act."""
    duties = (
        turn.policy.department_of_duty(one.role)
        for one in cell(turn).notify_at_start
        if not one.fyi
    )
    return [name for name in duties if name is not None]


def flag_people(turn: Turn, flags: Iterable[str] | None = None) -> list[Addressee]:
    """Return whom *flags* call, without the departments that get an escalation of their own."""
    found: dict[str, Addressee] = {}
    for one in overrides(turn, flags):
        asked = {turn.policy.department(name).duty for name in one.external}
        for addressee in one.notify:
            if addressee.role not in asked:
                found.setdefault(addressee.role, addressee)
    return list(found.values())


def flag_departments(turn: Turn, flags: Iterable[str] | None = None) -> list[str]:
    """Return the departments that *flags* ask to act."""
    return list(dict.fromkeys(name for one in overrides(turn, flags) for name in one.external))
