"""What is decided in closed hours is told when they are over (Quiet hours)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.ticket_events import acknowledged, opened, replied, updated
from tests.unit.escalator.conftest import Simulate, found, told


def evening(**data: Any) -> Any:
    """A ticket of Monday evening in Vienna, after closing."""
    return opened("2026-03-02T18:00:00Z", plan="standard", **data)


@pytest.mark.parametrize(
    ("at", "held"),
    [
        ("2026-03-02T07:59:59Z", "2026-03-02T08:00:00Z"),
        ("2026-03-02T08:00:00Z", None),
        ("2026-03-02T15:59:59Z", None),
        ("2026-03-02T16:00:00Z", "2026-03-03T08:00:00Z"),
        ("2026-03-06T16:00:00Z", "2026-03-09T08:00:00Z"),
    ],
)
def test_a_notice_of_closed_hours_is_held_until_they_are_over(
    simulate: Simulate, at: str, held: str | None
) -> None:
    decisions, _ = simulate([opened(at, plan="standard")], at)
    (begun,) = found(decisions, "case.opened")
    assert (told(begun), begun["hold_until"]) == (["t1_queue"], held)


def test_a_critical_fault_calls_at_once_though_the_contract_counts_by_day(
    simulate: Simulate,
) -> None:
    decisions, snapshot = simulate([evening(severity="S1")], "2026-03-02T18:00:00Z")
    (raised,) = found(decisions, "escalation.raised")
    assert raised["hold_until"] is None
    assert {one["name"]: one["calendar"] for one in snapshot["timers"]} == {
        "first_response": "emea",
        "resolve": "emea",
        "tier_dwell": "always",
    }


def test_who_was_never_called_is_not_told_that_nothing_is_asked_any_more(
    simulate: Simulate,
) -> None:
    """The call was held, and the escalation ended before it went out."""
    events = [
        evening(severity="S2", affected_users=20),
        updated("2026-03-02T19:00:00Z", severity="S1"),
    ]
    decisions, _ = simulate(events, "2026-03-02T19:00:00Z")
    ended = found(decisions, "escalation.ended")[0]
    assert (ended["reason"], ended["stand_down"]) == ("superseded", [])


def test_the_acknowledgement_of_a_held_call_is_due_in_open_hours(simulate: Simulate) -> None:
    events = [evening(severity="S2", affected_users=20), replied("2026-03-02T18:00:00Z")]
    decisions, snapshot = simulate(events, "2026-03-03T08:14:59Z")
    (raised,) = found(decisions, "escalation.raised")
    assert raised["ack_due"] == "2026-03-03T08:15:00Z"
    assert snapshot["escalations"][0]["acknowledged_by"] is None


def test_an_acknowledgement_in_closed_hours_counts(simulate: Simulate) -> None:
    events = [
        evening(severity="S2", affected_users=20),
        replied("2026-03-02T18:00:00Z"),
        acknowledged("2026-03-02T20:00:00Z", role="t2_oncall"),
    ]
    decisions, _ = simulate(events, "2026-03-03T08:20:00Z")
    assert found(decisions, "escalation.notice_due", step=0) == []
    assert found(decisions, "escalation.notice_due", step=1) == []
