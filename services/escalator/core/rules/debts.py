"""Information that was owed has not come in time (Information debt)."""

from __future__ import annotations

from services.escalator.core.case import swap
from services.escalator.core.escalations import notice
from services.escalator.core.turn import Turn
from shared.contract.times import rfc3339


def fire(turn: Turn) -> None:
    """Tell the lead of the tier of every debt that is due at this instant."""
    for one in turn.case.escalations:
        debt = one.debt
        if debt is None or debt.due > turn.at:
            continue
        settled = one._replace(debt=None)
        swap(turn.case, one, settled)
        lead = [{"role": f"t{one.tier}_lead", "mode": one.mode, "fyi": False}]
        since, fields = rfc3339(one.raised_at), ", ".join(debt.fields)
        line = f"{len(debt.fields)} fields owed since {since}: {fields}"
        notice(turn, settled, None, ["info_debt"], lead, [line])
