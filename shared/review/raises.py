"""The course of each escalation, from the decisions on it: raised, acknowledged, joined, ended."""

from __future__ import annotations

from typing import Final

from shared.contract.decisions import (
    AcknowledgementTaken,
    DecisionEvent,
    EscalationEnded,
    EscalationRaised,
    NoticeDue,
)
from shared.contract.times import Instant, instant
from shared.review.lives import Life, Raise

_OVERDUE_DEBT: Final = "info_debt"
"""What a notice is triggered by that tells of information still owed."""


def escalated(life: Life, decision: DecisionEvent, at: Instant) -> None:
    """Take *decision*, if it is of an escalation, into the raises of *life*."""
    match decision.data:
        case EscalationRaised() as data:
            life.raises[data.escalation_id] = _raised(life.key, data, at)
            if "T19" in data.because.triggers:
                life.stale.append(at)
        case NoticeDue() as data if data.step is None:
            _joined_by(life, data, at)
        case AcknowledgementTaken() as data:
            one = life.raises.get(data.escalation_id)
            if one is not None:
                one.acknowledged_at = Instant(max(at, one.at))
                one.step = data.step
        case EscalationEnded() as data:
            one = life.raises.get(data.escalation_id)
            if one is not None:
                one.ended_at, one.reason, one.detail = at, data.reason.value, data.detail
        case _:
            pass


def _joined_by(life: Life, data: NoticeDue, at: Instant) -> None:
    """Take what another trigger tells the people of an open escalation."""
    if "T19" in data.because.triggers:
        life.stale.append(at)
    one = life.raises.get(data.escalation_id)
    if one is not None and "T18" in data.because.triggers:
        one.unreported.append(at)
    if one is not None and _OVERDUE_DEBT in data.because.triggers:
        one.debt_overdue = True


def _raised(ticket: str, data: EscalationRaised, at: Instant) -> Raise:
    debt = data.info_debt
    return Raise(
        data.escalation_id,
        ticket,
        data.track.value,
        data.target,
        tuple(data.because.triggers),
        at,
        data.priority.value,
        data.tier,
        data.policy.version,
        data.ack_due is not None,
        owed=() if debt is None else debt.fields,
        owed_by=None if debt is None else instant(debt.due),
        ack_due=None if data.ack_due is None else instant(data.ack_due),
    )
