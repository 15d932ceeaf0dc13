"""Telling and asking executives by the cell's own times (Executives, T22).

Both times count on the internal calendar from the first raise in the present cell, or from the
change of cell when the case had been raised before. An acknowledgement stops neither.
"""

from __future__ import annotations

from services.escalator.core.turn import Turn
from shared.contract.times import Instant, Seconds


def note_raise(turn: Turn) -> None:
    """Let the times begin with this raise if none has begun in this cell."""
    if turn.case.exec_base is None:
        begin(turn)


def note_cell(turn: Turn) -> None:
    """Let the times of the new cell begin, if the case has been raised before."""
    if turn.case.exec_base is not None:
        begin(turn)


def begin(turn: Turn) -> None:
    """Start both times at this instant."""
    case = turn.case
    case.exec_base, case.exec_informed, case.exec_decided = turn.at, False, False
    schedule(turn)


def stop(turn: Turn) -> None:
    """Forget both times, as at a resolution."""
    case = turn.case
    case.exec_base = case.exec_inform_due = case.exec_decide_due = None


def schedule(turn: Turn) -> None:
    """Work out both instants for the present cell and calendar."""
    case = turn.case
    cell = turn.policy.cell(case.severity, case.impact)
    case.exec_inform_due = _due(turn, cell.exec_inform, done=case.exec_informed)
    case.exec_decide_due = _due(turn, cell.exec_decide, done=case.exec_decided)


def _due(turn: Turn, after: Seconds | None, *, done: bool) -> Instant | None:
    base = turn.case.exec_base
    if base is None or after is None or done or not turn.case.is_open:
        return None
    return max(turn.internal_calendar.due(base, after), turn.at)
