"""Examples for the API's description: one settled ticket, and how questions are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.runtime.problems import PROBLEM_JSON

_TICKET: Final[dict[str, Any]] = {
    "key": "desk:INC0000033",
    "source": "desk",
    "subject": "INC0000033",
    "title": "VPN drops every ten minutes",
    "url": None,
    "status": "new",
    "open": True,
    "tier": 2,
    "priority": "P3",
    "severity": "S3",
    "impact": "I2",
    "customer": {
        "id": "org6",
        "name": "Hotel Mirabell",
        "plan": "enterprise",
        "vip": False,
        "region": "emea",
    },
    "requester": None,
    "owner": "paul",
    "service": "network",
    "component": "vpn",
    "flags": [],
    "teams": ["t2"],
    "opened_at": "2026-03-02T09:35:09Z",
    "updated_at": "2026-03-02T12:15:56Z",
    "version": 9,
    "next_deadline": {
        "timer": "first_response",
        "target": None,
        "due": "2026-03-02T11:35:09Z",
        "due_in_s": -2451,
    },
    "next_step": {
        "timer": "resolve",
        "target": None,
        "due": "2026-03-04T09:35:09Z",
        "due_in_s": 163149,
    },
    "customer_waits_since": "2026-03-02T12:15:56Z",
    "escalations": [
        {
            "escalation_id": "desk:INC0000033/functional/1",
            "track": "functional",
            "target": "t2",
            "tier": 2,
            "triggers": ["T06"],
            "called": ["t2_queue"],
            "raised_at": "2026-03-02T12:00:00Z",
            "ack_due": "2026-03-02T12:30:00Z",
            "acknowledged_by": "tom",
            "acknowledged_at": "2026-03-02T12:10:00Z",
            "acknowledged_after_s": 600,
            "acknowledged_step": 0,
            "ended_at": None,
            "end": None,
        }
    ],
    "counters": {
        "escalations": 1,
        "notices": 3,
        "late": 0,
        "breached": 1,
        "met": 0,
        "reopens": 0,
    },
}
_NOW: Final = "2026-03-02T12:16:00Z"

ANSWERS: Final[Mapping[str, dict[str, Any]]] = {
    "tickets": {"now": _NOW, "items": [_TICKET], "next_cursor": None},
    "board": {
        "now": _NOW,
        "tiers": [{"tier": 2, "open": 1, "overdue": 1, "tickets": [_TICKET]}],
    },
    "ticket": {
        **_TICKET,
        "now": _NOW,
        "policy": "default",
        "policy_version": 1,
        "group": None,
        "recurrence_of": None,
        "merged_into": None,
        "resolved_after_s": None,
        "missing_versions": 0,
        "timers": [
            {
                "name": "first_response",
                "state": "breached",
                "due": "2026-03-02T11:35:09Z",
                "calendar": "emea",
                "used_s": 7200,
                "allowance_s": 7200,
            }
        ],
        "ended_escalations": [],
        "last_decision": {
            "type": "escalation.acknowledged",
            "at": "2026-03-02T12:10:00Z",
            "late_by_s": 0,
            "triggers": ["manual"],
        },
        "notices": {"sent": 3},
        "latest_notices": [],
    },
    "act": {
        "act_id": "a-17",
        "ticket": "desk:INC0000039",
        "type": "escalation.acknowledged",
        "by": "tom",
        "at": "2026-03-02T12:32:09Z",
        "received_at": "2026-03-02T12:32:09Z",
        "position": "tickets.events/4:10",
        "state": "refused",
        "refusal": {
            "code": "no_open_escalation",
            "missing": [],
            "allowed": [],
            "version": 7,
        },
        "draft": None,
        "followed": [],
    },
}
"""What is answered, by route; a test holds each to its model."""


def problem(code: str, description: str) -> dict[str, Any]:
    """Return how the API's description tells of the problem *code*."""
    document = {
        "type": f"urn:tierline:problem:{code}",
        "title": description.rstrip("."),
        "detail": "what is wrong in this case",
        "code": code,
        "do": "What the sender should do.",
    }
    return {"description": description, "content": {PROBLEM_JSON: {"example": document}}}
