"""What every act on an escalation has in common: which one is meant, and is it there (Refusals).

Acts are checked in this order: is the case open, is the escalation open, has this role the right,
is the form complete, is the observation over. A refused act changes nothing.
"""

from __future__ import annotations

from services.escalator.core.case import Escalation
from services.escalator.core.refusals import refuse
from services.escalator.core.turn import Turn
from shared.contract.events import EscalationAct


def is_open(turn: Turn, data: EscalationAct, act_id: str) -> bool:
    """Whether the case is open; refuse the act if it is not."""
    if turn.case.is_open:
        return True
    refuse(turn, act_id, data.by, "ticket_not_open")
    return False


def meant(
    turn: Turn, data: EscalationAct, act_id: str, *, track: str = "functional"
) -> Escalation | None:
    """Return the open escalation that *data* speaks of, or refuse the act.

    *track* is what is meant where the act names neither an escalation nor a track.
    """
    if not is_open(turn, data, act_id):
        return None
    one = find(turn, data, track)
    if one is None:
        refuse(turn, act_id, data.by, "no_open_escalation")
    return one


def find(turn: Turn, data: EscalationAct, track: str = "functional") -> Escalation | None:
    """Return the open escalation that *data* speaks of, if there is one."""
    case = turn.case
    if data.escalation_id is not None:
        return case.by_id(data.escalation_id)
    wanted = data.track or ("external" if data.department is not None else track)
    if wanted != "external":
        return case.open_on(wanted)
    if data.department is not None:
        return case.department(data.department)
    open_ones = [one for one in case.escalations if one.track == "external"]
    return open_ones[0] if len(open_ones) == 1 else None
