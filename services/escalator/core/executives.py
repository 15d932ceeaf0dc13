"""Telling and asking executives by the cell's own times (Executives, T22).

Both times count on the internal calendar from the first raise in the present cell, or from the
change of cell when the case had been raised before. An acknowledgement stops neither. A flag may
want executives told sooner, counted from when it was set or from the first raise.
"""

from __future__ import annotations

from services.escalator.core import standing
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


def note_flag(turn: Turn) -> None:
    """Let the time of a flag that was just set begin, if the case has been raised before."""
    if turn.case.exec_base is not None:
        turn.case.exec_flagged, turn.case.exec_informed = turn.at, False
        schedule(turn)


def begin(turn: Turn) -> None:
    """Start both times at this instant."""
    case = turn.case
    case.exec_base = case.exec_flagged = turn.at
    case.exec_informed = case.exec_decided = False
    schedule(turn)


def stop(turn: Turn) -> None:
    """Forget both times, as at a resolution."""
    case = turn.case
    case.exec_base = case.exec_flagged = None
    case.exec_inform_due = case.exec_decide_due = None


def schedule(turn: Turn, *, grace: Seconds = Seconds(0)) -> None:
    """Work out both instants anew; one that is past by now comes after *grace*."""
    case = turn.case
    if case.exec_base is None or not case.is_open:
        case.exec_inform_due = case.exec_decide_due = None
        return
    cell = standing.cell(turn)
    asked = [
        _due(turn, case.exec_base, cell.exec_inform, grace),
        _due(turn, case.exec_flagged, standing.exec_inform(turn), grace),
    ]
    known = [due for due in asked if due is not None]
    case.exec_inform_due = None if case.exec_informed else min(known, default=None)
    decide = _due(turn, case.exec_base, cell.exec_decide, grace)
    case.exec_decide_due = None if case.exec_decided else decide


def _due(turn: Turn, base: Instant | None, after: Seconds | None, grace: Seconds) -> Instant | None:
    if base is None or after is None:
        return None
    calendar = turn.internal_calendar
    due = calendar.due(base, after)
    return due if due >= turn.at else calendar.due(turn.at, grace)
