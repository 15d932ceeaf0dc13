"""What the topics carry about some tickets, as the real engine and notifier would have written it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from aiokafka import AIOKafkaProducer
from pydantic_core import from_json

from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import Decision, encode_decision
from services.notifier.core.report import Reported, Step, report
from shared.contract.envelope import CONTENT_TYPE, CloudEvent, encode, headers
from shared.contract.events import TicketEvent
from shared.contract.ids import delivery_id
from shared.contract.times import Instant
from shared.contract.topics import DELIVERIES, PARTITIONS, TICKET_EVENTS, TIER_CHANGES
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from shared.runtime.kafka import partition_for


@dataclass(frozen=True, slots=True)
class Said:
    """One record, as its service would have written it."""

    topic: str
    ticket: str
    value: bytes
    headers: list[tuple[str, bytes]]


def story(
    events: Iterable[TicketEvent], until: Instant | None = None, *, notices: bool = True
) -> list[Said]:
    """Return *events*, what the engine decides on them up to *until*, and the notices of that.

    Each topic is in order; the topics follow one another.
    """
    heard = list(events)
    policies = PolicyTimeline([(Instant(0), load_policy_file(DEFAULT_POLICY))])
    decisions = list(Simulation(policies).run(heard, until))
    told = [said for one in decisions for said in _notices(one)] if notices else []
    return [*map(event_said, heard), *map(decision_said, decisions), *told]


def event_said(event: TicketEvent) -> Said:
    """Return *event* as intake writes it."""
    return _said(TICKET_EVENTS, event)


def decision_said(decision: Decision) -> Said:
    """Return *decision* as the escalator's relay writes it."""
    return Said(TIER_CHANGES, decision.ticket, *_relayed(encode_decision(decision)))


def _said(topic: str, event: CloudEvent) -> Said:  # type: ignore[type-arg]
    return Said(topic, event.ticket, encode(event), headers(event))


def _relayed(payload: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    given = [("content-type", CONTENT_TYPE.encode())]
    given += [
        (f"ce_{name}", value.encode())
        for name, value in from_json(payload).items()
        if isinstance(value, str) and name != "datacontenttype"
    ]
    return payload, given


def _notices(decision: Decision) -> Iterator[Said]:
    """Yield that everybody whom *decision* names was told at once."""
    decided = datetime.fromtimestamp(decision.at + decision.data["late_by_s"], UTC)
    for one in decision.data.get("notify", ()):
        for attempt, step in enumerate((Step.PLANNED, Step.SENT)):
            reported = Reported(
                id=_notice_id(decision, one["role"]),
                ticket=decision.ticket,
                decision_id=UUID(decision.id),
                version=decision.version,
                role=one["role"],
                purpose="call",
                mode=one["mode"],
                attempt=attempt,
                escalation=decision.data.get("escalation_id"),
                person=f"person of {one['role']}" if step is Step.SENT else None,
                channel="console" if step is Step.SENT else None,
            )
            _, payload = report(step, reported, at=decided)
            yield Said(DELIVERIES, decision.ticket, *_relayed(payload))


def _notice_id(decision: Decision, role: str) -> UUID:
    return delivery_id(UUID(decision.id), role)


async def publish(kafka: str, prefix: str, records: Sequence[Said]) -> None:
    """Write *records* to the topics under *prefix*, each ticket to its partition."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=5)
    await producer.start()
    try:
        for one in records:
            key = one.ticket.encode()
            await producer.send(
                f"{prefix}{one.topic}",
                one.value,
                key=key,
                partition=partition_for(key, PARTITIONS),
                headers=one.headers,
            )
        await producer.flush()
    finally:
        await producer.stop()
