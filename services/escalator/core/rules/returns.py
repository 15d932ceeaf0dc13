"""Work is passed back or on: returns, hand-overs, and too many of them (Returns and hops)."""

from __future__ import annotations

from typing import Final

from services.escalator.core import information, people
from services.escalator.core.escalations import Raise, end, join, move, raise_escalation
from services.escalator.core.refusals import refuse
from services.escalator.core.rules.acts import meant
from services.escalator.core.turn import Turn
from shared.contract.events import EscalationHandedOver, EscalationReturned
from shared.policy.document import Addressee

RIGHT: Final = "return_once_for_missing_information"
RETURN: Final = ("return",)
_MANY_HOPS: Final = 3


def hear_return(turn: Turn, data: EscalationReturned, act_id: str) -> None:
    """Give the case back to the tier that sent it, once; after that its lead decides."""
    one = meant(turn, data, act_id)
    if one is None:
        return
    case, policy = turn.case, turn.policy
    if (
        one.track != "functional"
        or case.tier == 1
        or not policy.may(data.role, RIGHT, tier=case.tier)
    ):
        refuse(turn, act_id, data.by, "not_permitted", allowed=policy.permitted(RIGHT))
        return
    missing = _missing(turn, data)
    if missing:
        codes = policy.file.required_info.return_reason_codes if "reason_code" in missing else ()
        refuse(
            turn,
            act_id,
            data.by,
            "missing_information",
            missing=missing,
            allowed=codes,
            facts={"form": "return"},
        )
        return
    case.returns += 1
    if case.returns > 1:
        _ask_lead(turn)
    else:
        end(turn, one, "returned", detail=data.reason_code, by=data.by)
        fix_by = policy.return_fix_by[case.priority]
        line = f"to be put right within {fix_by} s; the clock of the resolution runs on"
        move(turn, one.from_tier, RETURN, kind="manual", arithmetic=[line], fix_by=fix_by)
    hop(turn)


def hear_hand_over(turn: Turn, data: EscalationHandedOver, act_id: str) -> None:
    """Let another person own the case; nothing else changes."""
    if meant(turn, data, act_id) is None:
        return
    if not data.to:
        refuse(turn, act_id, data.by, "missing_information", missing=["to"])
        return
    turn.case.facts = {**turn.case.facts, "owner": data.to}
    hop(turn)


def hop(turn: Turn) -> None:
    """Count that the work went to somebody else; after three without news T15 asks."""
    case = turn.case
    case.hops += 1
    case.hops_without_news += 1
    if case.hops_without_news == _MANY_HOPS:
        line = f"{case.hops_without_news} hops since the last progress note, {case.hops} in all"
        turn.ask("T15", arithmetic=(line,))


def _missing(turn: Turn, data: EscalationReturned) -> list[str]:
    """Return the fields of the form that this return lacks; a return stands for itself."""
    given = set(information.given(data.info))
    if data.reason_code in turn.policy.file.required_info.return_reason_codes:
        given.add("reason_code")
    else:
        given.discard("reason_code")
    return [name for name in turn.policy.forms["return"] if name not in given]


def _ask_lead(turn: Turn) -> None:
    """A second return moves nothing: the lead of the tier decides."""
    case = turn.case
    row = turn.policy.trigger("T15", case.priority)
    mode = "page" if row is None else row.mode
    told = [(Addressee("tier_lead", fyi=False), mode)]
    target = f"t{case.tier}_lead"
    one = case.open_on("hierarchical")
    line = f"returned for the {case.returns}. time"
    if one is not None:
        if people.hierarchical_rank(one.target) >= people.hierarchical_rank(target):
            join(turn, one, RETURN, told, [line])
            return
        end(turn, one, "superseded")
    asked = Raise(
        track="hierarchical",
        target=target,
        triggers=RETURN,
        people=told,
        ack=None if row is None else row.ack,
        mode=mode,
        renotify=None if row is None else row.renotify,
        arithmetic=(line,),
    )
    raise_escalation(turn, asked)
