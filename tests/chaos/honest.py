"""Evidence of a run in which nothing went wrong, made without one: for tests of the checks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from services.escalator.core.decide import Decision, dump
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from services.tracker.core import projection
from services.tracker.core.message import Kind, read
from shared.contract.events import decode_event
from shared.contract.ids import delivery_id
from shared.contract.times import Instant, instant
from shared.contract.topics import DELIVERIES, TICKET_EVENTS, TIER_CHANGES
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from shared.runtime.clock import Clock
from tests.chaos.checks.board import Fold
from tests.chaos.evidence import Evidence, Line, Log, Rows
from tests.chaos.poster import Accepted
from tests.chaos.receiver import Receipt
from tests.chaos.stage import BEGINNING
from tests.chaos.story import SOURCE

_POLICIES: Final = PolicyTimeline([(Instant(0), load_policy_file(DEFAULT_POLICY))])
_TRANSIT: Final = timedelta(seconds=2)

Told = tuple[str, float, str, Mapping[str, Any]]
"""Ticket, hours after the beginning, type, data."""

STORY: Final[Sequence[Told]] = (
    ("A", 0.0, "ticket.opened", {"title": "Totals differ", "severity": "S1", "requester": "ann"}),
    ("B", 0.1, "ticket.opened", {"title": "A blemish", "severity": "S4", "requester": "bob"}),
    ("A", 0.2, "escalation.acknowledged", {"by": "tom", "role": "t2_specialist"}),
    ("A", 0.9, "ticket.message", {"author": "agent", "public": True, "by": "olga"}),
    ("B", 1.0, "ticket.updated", {"affected_users": 200}),
    ("A", 2.5, "ticket.status_changed", {"status": "resolved", "by": "olga"}),
    ("B", 4.0, "ticket.message", {"author": "customer", "public": True}),
)


def honest(story: Sequence[Told] = STORY) -> Evidence:
    """Return what a run of *story* on one partition leaves if all goes well."""
    events = [_event(number, told) for number, told in enumerate(story)]
    simulation = Simulation(_POLICIES)
    decided = list(simulation.run([decode_event(one.value) for one in events]))
    decisions = [
        Line(TIER_CHANGES, 0, n, 0, one.ticket, encode_decision(one))
        for n, one in enumerate(decided)
    ]
    progress = [
        {"topic": topic, "partition": 0, "next_offset": len(log)}
        for topic, log in (
            (TICKET_EVENTS, events),
            (TIER_CHANGES, decisions),
            (DELIVERIES, ()),
        )
    ]
    deliveries = _deliveries(decided)
    receipts = [
        Receipt(row["id"], b"{}", marked=False, deliveries=(row["id"],)) for row in deliveries
    ]
    return Evidence(
        Clock(),
        [Accepted(one.event["id"], _sent(one), 0, one.offset) for one in events],
        events,
        decisions,
        [],
        _escalator(simulation, decisions, events, progress),
        {"progress": progress, "delivery": deliveries, "early": [], "dead": []},
        _tracker(events, decisions, progress),
        receipts,
        receipts,
    )


def _event(number: int, told: Told) -> Line:
    ticket, hours, kind, data = told
    at = BEGINNING + timedelta(hours=hours)
    received = at + _TRANSIT
    event = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": SOURCE,
        "type": kind,
        "subject": ticket,
        "time": at.isoformat(),
        "data": data,
        "receivedat": received.isoformat(),
        "partitionkey": f"{SOURCE}:{ticket}",
    }
    appended_ms = instant(received) * 1000
    value = json.dumps(event).encode()
    return Line(TICKET_EVENTS, 0, number, appended_ms, f"{SOURCE}:{ticket}", value)


def _sent(line: Line) -> bytes:
    stamps = ("receivedat", "partitionkey")
    return json.dumps({n: part for n, part in line.event.items() if n not in stamps}).encode()


def _escalator(
    simulation: Simulation, decisions: Log, events: Log, progress: Rows
) -> dict[str, Rows]:
    keys = sorted({one.key for one in events})
    cases = {key: simulation.case(key) for key in keys}
    heard = Counter(one.key for one in events)
    return {
        "progress": progress,
        "cases": [{"key": k, "body": dump(case)} for k, case in cases.items() if case is not None],
        "outbox": [
            {
                "ticket": one.key,
                "version": one.event["data"]["version"],
                "payload": one.value,
                "published_at": BEGINNING,
                "dead_at": None,
            }
            for one in decisions
        ],
        "heard": [{"ticket": key, "n": n} for key, n in heard.items()],
        "dead": [],
    }


def _deliveries(decided: Sequence[Decision]) -> list[dict[str, Any]]:
    return [
        {
            "id": delivery_id(UUID(one.id), role),
            "decision_id": UUID(one.id),
            "role": role,
            "purpose": "notice",
            "state": "delivered",
            "attempt": 1,
            "last_error": None,
        }
        for one in decided
        for role in dict.fromkeys(
            [
                *(entry["role"] for entry in one.data.get("notify") or ()),
                *(one.data.get("stand_down") or ()),
            ]
        )
    ]


def _tracker(events: Log, decisions: Log, progress: Rows) -> dict[str, Rows]:
    fold = Fold(late_after_s=1)
    for kind, log in ((Kind.EVENT, events), (Kind.DECISION, decisions)):
        for one in log:
            fold.take(read(kind, one.value, one.headers, place=(one.partition, one.offset)))
    return {
        "progress": progress,
        "ticket": [
            {"key": key, "missing": 0, "state": projection.dump(row)}
            for key, row in fold.rows.items()
        ],
        "timeline": [
            {
                "identity": identity,
                "ticket": one.ticket,
                "kind": int(one.kind),
                "offset": one.offset,
                "partition": 0,
                "repeats": 0,
                "message": one.text,
            }
            for identity, one in fold.first.items()
        ],
        "notice": [],
        "tally": [{"what": w, "label": label, "n": n} for (w, label), n in fold.sums().items()],
        "dead": [],
    }


def without(rows: Sequence[Any], number: int) -> list[Any]:
    """Return *rows* without the one at *number*."""
    return [one for n, one in enumerate(rows) if n != number]


def table(evidence: Evidence, schema: str, name: str, rows: Rows) -> Evidence:
    """Return *evidence* with other *rows* in one table."""
    tables: Mapping[str, Rows] = getattr(evidence, schema)
    changes: dict[str, Any] = {schema: {**tables, name: rows}}
    return replace(evidence, **changes)


def first_notice(evidence: Evidence) -> UUID:
    """Return the id of the first delivery in the ledger."""
    found: UUID = evidence.notifier["delivery"][0]["id"]
    return found
