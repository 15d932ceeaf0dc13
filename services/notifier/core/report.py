"""What the notifier says of each delivery on ``notifications.deliveries``."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from pydantic_core import to_json

from shared.contract.deliveries import DELIVERY_SOURCE
from shared.contract.ids import NAMESPACE


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


def report(step: Step, delivery: Reported, *, at: datetime) -> tuple[UUID, bytes]:
    """Return the event that says *step* of *delivery* happened at *at* (the schema's clock).

    Its id follows from delivery, step and attempt: said twice, it is one event.

    Returns:
        The event's id, and the event as a CloudEvent in structured JSON.
    """
    delivery_id, decision_id = str(delivery.id), str(delivery.decision_id)
    identity = uuid5(NAMESPACE, f"{step}|{delivery_id}|{delivery.attempt}")
    return identity, to_json(
        {
            "specversion": "1.0",
            "id": str(identity),
            "source": DELIVERY_SOURCE,
            "type": step,
            "subject": delivery.ticket,
            "time": at,
            "datacontenttype": "application/json",
            "partitionkey": delivery.ticket,
            "causationid": decision_id,
            "data": {
                "delivery_id": delivery_id,
                "ticket": delivery.ticket,
                "decision_id": decision_id,
                "decision_version": delivery.version,
                "escalation_id": delivery.escalation,
                "role": delivery.role,
                "person": delivery.person,
                "channel": delivery.channel,
                "address": delivery.address,
                "mode": delivery.mode,
                "attempt": delivery.attempt,
                "reason": delivery.reason,
                "at": at,
                "purpose": delivery.purpose,
            },
        }
    )
