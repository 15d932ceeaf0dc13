"""Messages as the tracker takes them, every detail overridable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json

from services.tracker.core.message import KIND_OF_TOPIC, Kind, Message, read
from services.tracker.core.projection import TicketRow, project
from shared.contract.events import TicketEvent
from shared.contract.ids import decision_id
from tests.support.tracker_stream import Said, event_said

LATE_AFTER_S = 1.0


def message_of(said: Said, offset: int = 0) -> Message:
    """Return the record *said* as the projection takes it."""
    return read(KIND_OF_TOPIC[said.topic], said.value, said.headers, place=(0, offset))


def heard(*events: TicketEvent) -> list[Message]:
    """Return *events* as messages, in the order of their log."""
    return [message_of(event_said(event), offset) for offset, event in enumerate(events)]


def a_decision(version: int, kind: str = "tier.changed", **more: Any) -> Message:
    """Return a decision of type *kind* on ticket A; *more* is laid over its data."""
    return read(Kind.DECISION, decision_bytes(version, kind, **more), (), place=(0, version))


def decision_bytes(version: int, kind: str = "tier.changed", **more: Any) -> bytes:
    """Return the same as a record's value."""
    data: dict[str, Any] = {
        "ticket": "desk:A",
        "version": version,
        "tier": 1,
        "priority": "P3",
        "cell": "S3/I1",
        "policy": {"name": "default", "version": 1, "digest": "0" * 64},
        "at": "2026-03-02T11:00:00Z",
        "late_by_s": 0,
        "because": {"triggers": [], "rule": None, "facts": {}, "arithmetic": []},
    }
    if kind == "tier.changed":
        data |= {"from_tier": 1, "to_tier": 2, "direction": "up", "kind": "automatic"}
        data |= {"track": "functional"}
    data |= more
    return to_json(
        {
            "specversion": "1.0",
            "id": str(decision_id(data["ticket"], version)),
            "source": "tierline/escalator",
            "type": kind,
            "subject": data["ticket"],
            "time": data["at"],
            "data": data,
        }
    )


def a_delivery(step: str, attempt: int, **more: Any) -> Message:
    """Return a step in the life of one notice of ticket A."""
    data = {
        "delivery_id": "00000000-0000-5000-8000-000000000001",
        "ticket": "desk:A",
        "decision_id": "00000000-0000-5000-8000-000000000002",
        "decision_version": 1,
        "role": "t2_lead",
        "attempt": attempt,
        "at": "2026-03-02T11:00:00Z",
    } | more
    value = {
        "specversion": "1.0",
        "id": f"{step}/{attempt}",
        "source": "tierline/notifier",
        "type": f"delivery.{step}",
        "subject": "desk:A",
        "time": "2026-03-02T11:00:00Z",
        "data": data,
    }
    return read(Kind.DELIVERY, to_json(value), (), place=(0, 0))


def projected(messages: Iterable[Message], row: TicketRow | None = None) -> TicketRow:
    """Return the row of ticket A after *messages*; what was said before has no effect."""
    row = row or TicketRow("desk:A")
    seen: set[bytes] = set()
    for message in messages:
        if message.identity not in seen:
            seen.add(message.identity)
            row = project(row, message, late_after_s=LATE_AFTER_S)
    return row
