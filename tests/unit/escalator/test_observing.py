"""A helpdesk that shows whole tickets: what its snapshots say beyond the facts."""

from __future__ import annotations

from typing import Any

from shared.contract.events import TicketEvent
from tests.support.ticket_events import an_event, opened
from tests.unit.escalator.conftest import Simulate

OPENED = opened("2026-03-02T10:00:00Z")
RIGHT = {"role": "escalation_manager", "reason": "lowered there", "evidence": "its audit log"}


def seen(at: str, **data: Any) -> TicketEvent:
    return an_event("ticket.observed", at, by="olga", **data)


def kinds(decided: list[dict[str, Any]]) -> list[str]:
    return [one["timer"] if one["type"] == "timer.met" else one["type"] for one in decided]


def test_a_status_that_implies_a_reply_stops_the_first_response_once(simulate: Simulate) -> None:
    events = [
        OPENED,
        seen("2026-03-02T10:10:00Z", status="open", implies="first_reply"),
        seen("2026-03-02T10:20:00Z", status="open", implies="first_reply", title="Other"),
    ]
    decided, _ = simulate(events, "2026-03-02T10:30:00Z")
    assert kinds(decided) == ["case.opened", "first_response"]


def test_without_it_nobody_has_replied(simulate: Simulate) -> None:
    decided, _ = simulate(
        [OPENED, seen("2026-03-02T10:10:00Z", status="open")], "2026-03-02T10:30:00Z"
    )
    assert kinds(decided) == ["case.opened"]


def test_a_wait_that_implies_a_question_pauses_and_one_that_does_not_is_refused(
    simulate: Simulate,
) -> None:
    waits = {"status": "waiting_customer"}
    asked = [OPENED, seen("2026-03-02T10:10:00Z", **waits, implies="question")]
    decided, case = simulate(asked, "2026-03-02T10:30:00Z")
    assert case["status"] == "waiting_customer"
    assert "act.refused" not in kinds(decided)
    decided, case = simulate(
        [OPENED, seen("2026-03-02T10:10:00Z", **waits)], "2026-03-02T10:30:00Z"
    )
    assert case["status"] == "new"
    assert "act.refused" in kinds(decided)


def test_a_snapshot_lowers_severity_only_by_a_right(simulate: Simulate) -> None:
    decided, _ = simulate(
        [OPENED, seen("2026-03-02T10:10:00Z", severity="S4")], "2026-03-02T10:11:00Z"
    )
    assert kinds(decided) == ["case.opened", "act.refused"]
    decided, _ = simulate(
        [OPENED, seen("2026-03-02T10:10:00Z", severity="S4", lowering=RIGHT)],
        "2026-03-02T10:11:00Z",
    )
    assert kinds(decided) == ["case.opened", "case.reclassified"]
    assert decided[-1]["cell"] == "S4/I1"
