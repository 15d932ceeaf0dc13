"""What would come of an act if it were made now: the engine is asked, and nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.escalator.core import engine
from services.escalator.core.engine import Cases
from services.escalator.core.inputs import hear_of
from shared.contract.events import TicketEvent
from shared.contract.judgements import Judgement, Missing, Refused
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline

_AFTER_EVERYTHING: Final = 2**53
"""The place of an act that has none yet, in the order of receipt of its ticket."""


def judge(cases: Cases, act: TicketEvent, policies: PolicyTimeline, now: Instant) -> Judgement:
    """Return whether *act*, received at *now*, would be refused, and why.

    The answer is as old as *cases* are: what is in the log and was not decided on is not in it.

    Raises:
        NotAtHandError: Load what it names and call again.
    """
    case = cases.case(act.ticket)
    if case is None or case.opened_at is None:
        return Judgement(ticket=act.ticket, version=0, refused=None)
    heard = hear_of(act, _AFTER_EVERYTHING, policies.at(now), received=now)
    decided = engine.hear(cases, heard, policies, now).decisions
    said = next(
        (one.data for one in decided if one.type == "act.refused" and one.data["act_id"] == act.id),
        None,
    )
    return Judgement(
        ticket=act.ticket, version=case.version, refused=None if said is None else _refused(said)
    )


def _refused(said: Mapping[str, Any]) -> Refused:
    form = said["because"]["facts"].get("form")
    why = (
        "the policy asks for it in this act"
        if form is None
        else f"the form `{form}` of the policy's required_info asks for it"
    )
    return Refused(
        code=said["code"],
        missing=tuple(Missing(field=one, why=why) for one in said["missing"]),
        allowed=tuple(said["allowed"]),
    )
