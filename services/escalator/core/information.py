"""The forms: what a request must say, and what may be owed for a while (Information debt)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.escalator.core.case import Debt, swap
from services.escalator.core.turn import Turn

MINIMUM: Final = "P1_or_override_minimum"
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {}, False)


def given(info: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the fields of *info* that say something."""
    return tuple(name for name, value in (info or {}).items() if value not in _EMPTY)


def missing(turn: Turn, form: Iterable[str], info: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the fields of *form* that neither *info* nor the case has, in the form's order."""
    known = {*turn.case.info, *given(info)}
    return tuple(name for name in form if name not in known)


def take(turn: Turn, info: Mapping[str, Any] | None) -> None:
    """Keep the fields of an accepted act; every debt that they pay is struck off."""
    fields = given(info)
    if not fields:
        return
    case = turn.case
    case.info = tuple(dict.fromkeys([*case.info, *fields]))
    known = set(case.info)
    for one in case.escalations:
        if one.debt is not None:
            owed = tuple(name for name in one.debt.fields if name not in known)
            debt = one.debt._replace(fields=owed) if owed else None
            swap(case, one, one._replace(debt=debt))


def debt_of(turn: Turn, fields: Iterable[str]) -> Debt | None:
    """Return the debt of *fields*, due by the priority on the internal calendar."""
    owed = tuple(fields)
    if not owed:
        return None
    within = turn.policy.info_debt_due[turn.case.priority]
    return Debt(owed, turn.internal_calendar.due(turn.at, within))
