"""An example of each letter: a ticket that nobody has, so that letters can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from services.notifier.core.known import Decided
from services.notifier.core.plan import Purpose
from services.notifier.core.receipts import REQUESTER
from services.notifier.core.roster import TicketFacts
from services.notifier.core.wording import Told
from shared.contract.ids import decision_id

TICKET: Final = "desk:INC7"
PEOPLE: Final = "https://tierline.example.org"
"""Where an example's history would be."""

_AT: Final = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
_RAISED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "escalation_id": "example",
        "track": "functional",
        "target": "t2",
        "ack_due": "2026-03-04T09:15:00Z",
        "info_debt": {"fields": ["specific_ask"], "due": "2026-03-04T10:00:00Z"},
    }
)
_KINDS: Final[Mapping[str, tuple[str, str, Mapping[str, Any]]]] = MappingProxyType(
    {
        "raise_notice": ("escalation.raised", "t2_oncall", _RAISED),
        "department_request": (
            "escalation.raised",
            "engineering_duty",
            {**_RAISED, "track": "external", "target": "engineering"},
        ),
        "exec_decision": ("escalation.raised", "exec_oncall", {**_RAISED, "target": "exec"}),
        "exec_summary": ("escalation.notice_due", "exec_oncall", {**_RAISED, "step": None}),
        "ack_notice": (
            "escalation.acknowledged",
            "t2_lead",
            {**_RAISED, "by": "olga", "after_s": 240},
        ),
        "return_notice": (
            "escalation.ended",
            "owner",
            {**_RAISED, "reason": "returned", "by": "olga", "detail": "missing_information"},
        ),
        "stand_down": ("escalation.ended", "t2_oncall", {**_RAISED, "reason": "resolved"}),
        "de_escalation_notice": (
            "escalation.ended",
            "t3_oncall",
            {**_RAISED, "reason": "de_escalated"},
        ),
        "timer_notice": (
            "timer.warned",
            "owner",
            {"timer": "customer_update", "share": 0.75, "due": "2026-03-04T09:30:00Z"},
        ),
        "receipt": (
            "case.opened",
            REQUESTER,
            {"timers": [{"name": "first_response", "due": "2026-03-04T09:30:00Z"}]},
        ),
        "refusal": (
            "act.refused",
            "answerer",
            {
                "act_id": "answer-acknowledge-example",
                "by": "olga",
                "code": "not_eligible",
                "missing": [],
                "allowed": ["t2_oncall", "t2_lead"],
            },
        ),
    }
)
_OTHERWISE: Final[tuple[str, str, Mapping[str, Any]]] = (
    "case.opened",
    "t1_queue",
    MappingProxyType({}),
)
_PURPOSES: Final = {
    "stand_down": Purpose.STAND_DOWN,
    "de_escalation_notice": Purpose.STAND_DOWN,
    "receipt": Purpose.RECEIPT,
}


def an_example(letter: str, title: str) -> Told:
    """Return what *letter* tells of, about a ticket called *title*."""
    kind, role, more = _KINDS.get(letter, _OTHERWISE)
    data = {
        "ticket": TICKET,
        "version": 7,
        "tier": 2,
        "priority": "P3",
        "cell": "S3/I1",
        "because": {
            "triggers": ["T06"],
            "facts": {},
            "arithmetic": ["tier 1: 57600 s of 57600 s used on calendar emea"],
        },
        **more,
    }
    return Told(
        Decided(decision_id(TICKET, 7), kind, TICKET, 7, _AT, data),
        role,
        _PURPOSES.get(letter, Purpose.NOTICE),
        fyi=letter == "exec_summary",
        facts=TicketFacts(title=title, owner="olga"),
        veiled=letter == "veiled",
    )
