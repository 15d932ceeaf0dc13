"""Decisions for tests: by the real engine from events, or made by hand; and onto the topic."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic_core import to_json

from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.events import TicketEvent
from shared.contract.ids import decision_id
from shared.contract.times import Instant, parse_instant
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from shared.runtime.kafka import Publisher, Record
from shared.runtime.settings import KafkaAccess


@cache
def default_policies() -> PolicyTimeline:
    """The shipped policy, for ever."""
    return PolicyTimeline([(Instant(0), load_policy_file(DEFAULT_POLICY))])


def decided(events: Iterable[TicketEvent], until: str) -> list[tuple[str, bytes]]:
    """Return what the engine decides on *events* up to *until*: ticket keys and encoded decisions."""
    simulation = Simulation(default_policies())
    return [
        (one.ticket, encode_decision(one)) for one in simulation.run(events, parse_instant(until))
    ]


def a_decision(
    kind: str = "escalation.raised",
    version: int = 1,
    /,
    *,
    ticket: str = "desk:A",
    at: str = "2026-03-02T10:00:00Z",
    **data: Any,
) -> tuple[str, bytes]:
    """Return a decision made by hand; escalations speak of esc-1 unless told otherwise."""
    given: dict[str, Any] = {
        "ticket": ticket,
        "version": version,
        "tier": 2,
        "priority": "P2",
        "cell": "S2/I2",
        "policy": {"name": "default", "version": 1, "digest": "0" * 64},
        "at": at,
        "late_by_s": 0,
        "because": {"triggers": ["T06"], "facts": {}, "arithmetic": []},
    }
    if kind.startswith("escalation."):
        given |= {"escalation_id": "esc-1", "track": "functional", "target": "t2"}
    event = {
        "specversion": "1.0",
        "id": str(decision_id(ticket, version)),
        "source": "tierline/escalator",
        "type": kind,
        "subject": ticket,
        "partitionkey": ticket,
        "time": at,
        "datacontenttype": "application/json",
        "data": given | data,
    }
    return ticket, to_json(event)


def calls(*roles: str, mode: str = "page", fyi: bool = False) -> list[dict[str, Any]]:
    """Return ``notify`` for *roles*."""
    return [{"role": role, "mode": mode, "fyi": fyi} for role in roles]


async def publish(kafka: str, topic: str, decisions: Iterable[tuple[str, bytes]]) -> None:
    """Put *decisions* on *topic*, in order."""
    publisher = Publisher(KafkaAccess(bootstrap_servers=kafka), client_id="test")
    try:
        await publisher.publish(
            [Record(topic, ticket.encode(), value, []) for ticket, value in decisions]
        )
    finally:
        await publisher.close()
