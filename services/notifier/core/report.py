"""What the notifier says of each delivery on ``notifications.deliveries``."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from shared.contract.deliveries import DELIVERY_MODELS, DELIVERY_SOURCE
from shared.contract.envelope import CloudEvent, cloud_event
from shared.contract.ids import NAMESPACE
from shared.contract.vocabulary import Mode


class Step(StrEnum):
    """The steps of a delivery's life that others hear of."""

    PLANNED = "delivery.planned"
    SENT = "delivery.sent"
    DELIVERED = "delivery.delivered"
    FAILED = "delivery.failed"
    SUPPRESSED = "delivery.suppressed"


@dataclass(frozen=True, slots=True)
class Reported:
    """A delivery as others see it; the address is masked."""

    id: UUID
    ticket: str
    decision_id: UUID
    version: int
    role: str
    purpose: str
    mode: str
    attempt: int
    escalation: str | None = None
    person: str | None = None
    channel: str | None = None
    address: str | None = None
    reason: str | None = None


def report(step: Step, delivery: Reported, *, at: datetime) -> CloudEvent[Any]:
    """Return the event that says *step* of *delivery* happened at *at* (the schema's clock).

    Its id follows from delivery, step and attempt: said twice, it is one event.
    """
    data = DELIVERY_MODELS[step].model_validate(
        {
            "delivery_id": delivery.id,
            "ticket": delivery.ticket,
            "decision_id": delivery.decision_id,
            "decision_version": delivery.version,
            "escalation_id": delivery.escalation,
            "role": delivery.role,
            "person": delivery.person,
            "channel": delivery.channel,
            "address": delivery.address,
            "mode": Mode(delivery.mode),
            "attempt": delivery.attempt,
            "reason": delivery.reason,
            "at": at,
            "purpose": delivery.purpose,
        }
    )
    return cloud_event(
        data,
        type=step,
        id=str(report_id(step, delivery)),
        source=DELIVERY_SOURCE,
        subject=delivery.ticket,
        time=at,
        partitionkey=delivery.ticket,
        causationid=str(delivery.decision_id),
    )


def report_id(step: Step, delivery: Reported) -> UUID:
    """Return the id of the event that says *step* of *delivery*."""
    return uuid5(NAMESPACE, f"{step}|{delivery.id}|{delivery.attempt}")
