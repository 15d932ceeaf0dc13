"""A case comes back: reopened, as a successor, or because its cancellation is undone (Reopening)."""

from __future__ import annotations

from typing import Any

import pytest

from services.escalator.core.simulation import Simulation
from shared.contract.events import TicketEvent
from shared.contract.times import parse_instant
from shared.policy.document import PolicyTimeline
from tests.support.ticket_events import an_event, opened, replied, status, updated, wrote
from tests.unit.escalator.conftest import Simulate, found, triggers

RESOLVED = [
    opened("2026-03-02T10:00:00Z", affected_users=4, symptom="totals"),
    replied("2026-03-02T10:10:00Z"),
    status("2026-03-02T11:00:00Z", "resolved"),
]


def snapshots(
    policies: PolicyTimeline, events: list[TicketEvent], until: str
) -> dict[str, dict[str, Any]]:
    simulation = Simulation(policies)
    list(simulation.run(events, parse_instant(until)))
    return {one["ticket"]: one for one in simulation.snapshots()}


def test_a_message_at_the_last_second_of_the_window_reopens(simulate: Simulate) -> None:
    decisions, snapshot = simulate(
        [*RESOLVED, wrote("2026-03-16T11:00:00Z")], "2026-03-16T11:00:00Z"
    )
    (reopened,) = found(decisions, "case.reopened")
    assert reopened["ticket"] == "desk:A"
    assert snapshot["status"] == "open"


def test_a_message_after_the_window_begins_another_case_with_the_old_facts_and_fresh_clocks(
    policies: PolicyTimeline, simulate: Simulate
) -> None:
    events = [*RESOLVED, wrote("2026-03-16T11:00:01Z")]
    decisions, first = simulate(events, "2026-03-16T11:00:01Z")
    (begun,) = found(decisions, "case.opened", ticket="desk:A/2")
    assert begun["recurrence_of"] == "desk:A"
    assert found(decisions, "case.reopened") == []
    assert first["status"] == "resolved"
    second = snapshots(policies, events, "2026-03-16T11:00:01Z")["desk:A/2"]
    assert (second["status"], second["owner"], second["cell"]["impact"]) == ("open", "olga", "I2")
    assert {one["name"]: one["used_s"] for one in second["timers"]} == {
        "first_response": 0,
        "resolve": 0,
        "tier_dwell": 0,
    }


def test_what_is_said_on_the_old_ticket_goes_to_the_successor(
    policies: PolicyTimeline,
) -> None:
    events = [
        *RESOLVED,
        wrote("2026-03-16T11:00:01Z"),
        replied("2026-03-16T11:05:00Z"),
        updated("2026-03-16T11:06:00Z", affected_users=50),
    ]
    both = snapshots(policies, events, "2026-03-16T11:06:00Z")
    assert both["desk:A/2"]["cell"]["impact"] == "I3"
    assert both["desk:A/2"]["timers"][0]["state"] == "met"
    assert both["desk:A"]["cell"]["impact"] == "I2"


def test_a_successor_that_recurs_counts_on(simulate: Simulate) -> None:
    events = [
        *RESOLVED,
        wrote("2026-03-16T11:00:01Z"),
        status("2026-03-16T12:00:00Z", "resolved"),
        wrote("2026-03-31T12:00:00Z"),
    ]
    decisions, _ = simulate(events, "2026-03-31T12:00:00Z")
    begun = found(decisions, "case.opened")
    assert [one["ticket"] for one in begun] == ["desk:A", "desk:A/2", "desk:A/3"]
    assert begun[-1]["recurrence_of"] == "desk:A/2"


def test_mere_thanks_reopen_nothing(simulate: Simulate) -> None:
    thanks = wrote("2026-03-02T11:30:00Z", only_thanks=True)
    decisions, snapshot = simulate([*RESOLVED, thanks], "2026-03-02T11:31:00Z")
    assert found(decisions, "case.reopened") == []
    assert snapshot["status"] == "resolved"


def test_a_cancelled_case_ignores_messages(simulate: Simulate) -> None:
    events = [*RESOLVED[:2], status("2026-03-02T11:00:00Z", "cancelled")]
    decisions, snapshot = simulate([*events, wrote("2026-03-02T11:30:00Z")], "2026-03-02T11:31:00Z")
    assert found(decisions, "case.reopened") == []
    assert snapshot["status"] == "cancelled"


def test_cancelling_ends_escalations_as_withdrawn(simulate: Simulate) -> None:
    urgent = opened("2026-03-02T10:00:00Z", severity="S2", affected_users=20)
    decisions, _ = simulate(
        [urgent, status("2026-03-02T10:05:00Z", "cancelled")], "2026-03-02T12:00:00Z"
    )
    (ended,) = found(decisions, "escalation.ended")
    assert (ended["reason"], ended["detail"]) == ("withdrawn", "cancelled")
    assert decisions[-1]["at"] == "2026-03-02T10:05:00Z", "and nothing follows"


def test_a_change_of_status_within_a_day_undoes_the_cancellation_as_if_it_had_not_been(
    simulate: Simulate,
) -> None:
    events = RESOLVED[:2]
    cancelled = status("2026-03-02T11:00:00Z", "cancelled")
    undone = status("2026-03-02T12:00:00Z", "open")
    _, back = simulate([*events, cancelled, undone], "2026-03-02T13:00:00Z")
    _, never = simulate([*events, undone], "2026-03-02T13:00:00Z")
    assert back["timers"] == never["timers"]
    assert (back["status"], back["tier"]) == ("open", 1)


def test_an_undone_cancellation_says_what_was_missed_meanwhile(simulate: Simulate) -> None:
    events = [
        RESOLVED[0],
        status("2026-03-02T11:00:00Z", "cancelled"),
        status("2026-03-02T13:00:00Z", "open"),
    ]
    decisions, _ = simulate(events, "2026-03-02T13:00:00Z")
    (breached,) = found(decisions, "timer.breached")
    assert (breached["at"], breached["late_by_s"]) == ("2026-03-02T12:00:00Z", 3600)
    (raised,) = found(decisions, "escalation.raised")
    assert "T03" in triggers(raised)


@pytest.mark.parametrize("to", ["open", "resolved"])
def test_after_the_day_a_cancelled_case_stays_cancelled(simulate: Simulate, to: str) -> None:
    events = [*RESOLVED[:2], status("2026-03-02T11:00:00Z", "cancelled")]
    decisions, snapshot = simulate(
        [*events, status("2026-03-03T11:00:01Z", to)], "2026-03-03T12:00:00Z"
    )
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == "ticket_not_open"
    assert snapshot["status"] == "cancelled"


def test_a_successor_that_a_late_message_makes_needless_is_taken_back(
    policies: PolicyTimeline,
) -> None:
    """A late reopening inside the window shows that the second message came to an open case."""
    events = [
        *RESOLVED,
        wrote("2026-03-16T11:00:01Z"),
        wrote("2026-03-16T10:59:59Z", received="2026-03-16T11:10:00Z"),
    ]
    left = snapshots(policies, events, "2026-03-16T11:11:00Z")
    assert left["desk:A"]["status"] == "open"
    assert "desk:A/2" not in left or left["desk:A/2"]["escalations"] == []


def test_a_reopened_case_that_was_never_answered_still_owes_its_first_reply(
    simulate: Simulate,
) -> None:
    events = [
        RESOLVED[0],
        status("2026-03-02T11:00:00Z", "resolved"),
        an_event("ticket.message", "2026-03-03T09:00:00Z", author="customer", public=True),
    ]
    _, snapshot = simulate(events, "2026-03-03T09:30:00Z")
    (first,) = [one for one in snapshot["timers"] if one["name"] == "first_response"]
    assert (first["state"], first["used_s"]) == ("running", 5400)
