"""Late, duplicate and reordered events end in the state that the right order would have made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.escalator.core.simulation import Simulation
from shared.contract.events import TicketEvent
from shared.contract.times import parse_instant
from shared.policy.document import PolicyTimeline
from tests.support.ticket_events import (
    acknowledged,
    an_event,
    opened,
    replied,
    status,
    updated,
    wrote,
)
from tests.unit.escalator.conftest import Simulate

OPENED = opened("2026-03-02T10:00:00Z")
EVENTS = [
    OPENED,
    replied("2026-03-02T10:30:00Z"),
    updated("2026-03-02T13:00:00Z", affected_users=4),
    replied("2026-03-02T14:00:00Z", asks_customer=True),
    status("2026-03-02T14:00:00Z", "waiting_customer"),
    wrote("2026-03-02T15:20:00Z"),
    updated("2026-03-03T09:00:00Z", severity="S2"),
    acknowledged("2026-03-03T09:04:00Z", role="t2_oncall"),
    status("2026-03-03T09:20:00Z", "resolved"),
    wrote("2026-03-03T09:40:00Z"),
]
UNTIL = "2026-03-03T09:50:00Z"
OF_RECEIPT = ("duplicates", "retracted")


def final_state(policies: PolicyTimeline, events: list[TicketEvent]) -> dict[str, Any]:
    """The snapshot without what the order of receipt may change."""
    simulation = Simulation(policies)
    list(simulation.run(events, parse_instant(UNTIL)))
    (snapshot,) = simulation.snapshots()
    counters = {k: v for k, v in snapshot["counters"].items() if k not in OF_RECEIPT}
    restored = any("restored" in one["triggers"] for one in snapshot["escalations"])
    escalations = [] if restored else snapshot["escalations"]
    return {**snapshot, "version": None, "counters": counters, "escalations": escalations}


@settings(max_examples=60)
# A raise that is withdrawn and comes back within one second; it once was restored to itself.
@example(order=[EVENTS[nth] for nth in (8, 4, 1, 2, 0, 9, 6, 3, 5, 7)], repeated=[])
@given(order=st.permutations(EVENTS), repeated=st.lists(st.sampled_from(EVENTS), max_size=4))
def test_any_order_with_repeats_ends_in_the_same_state(
    policies: PolicyTimeline, order: list[TicketEvent], repeated: list[TicketEvent]
) -> None:
    shuffled = final_state(policies, [*order, *repeated])
    in_time = final_state(policies, EVENTS)
    if not shuffled["escalations"]:
        in_time = {**in_time, "escalations": []}
    assert shuffled == in_time


def test_a_reply_that_came_late_withdraws_the_breach_that_it_prevented(simulate: Simulate) -> None:
    late = replied("2026-03-02T11:00:00Z", received="2026-03-02T12:30:00Z")
    decisions, snapshot = simulate([OPENED, late], "2026-03-02T13:00:00Z")
    (ended,) = [one for one in decisions if one["type"] == "escalation.ended"]
    assert ended["reason"] == "withdrawn"
    assert ended["detail"] == "late_event"
    assert ended["at"] == "2026-03-02T12:30:00Z"
    assert ended["stand_down"] == ["t1_lead"]
    assert snapshot["escalations"] == []
    assert snapshot["counters"]["retracted"] == 1
    (met,) = [one for one in decisions if one["type"] == "timer.met"]
    assert (met["at"], met["late_by_s"]) == ("2026-03-02T11:00:00Z", 5400)


def test_a_worsening_that_came_late_raises_with_the_time_it_should_have_had(
    simulate: Simulate,
) -> None:
    late = updated("2026-03-02T11:00:00Z", severity="S1", received="2026-03-02T11:20:00Z")
    replied_at = replied("2026-03-02T10:30:00Z")
    decisions, snapshot = simulate([OPENED, replied_at, late], "2026-03-02T11:20:00Z")
    (raised,) = [one for one in decisions if one["type"] == "escalation.raised"]
    assert (raised["at"], raised["late_by_s"]) == ("2026-03-02T11:00:00Z", 1200)
    calls = [one for one in decisions if one["type"] == "escalation.notice_due"]
    assert [one["at"] for one in calls] == ["2026-03-02T11:20:00Z"], "past calls are not made"
    assert snapshot["tier"] == 2


def test_what_is_raised_in_the_same_second_for_another_reason_is_withdrawn_first(
    simulate: Simulate,
) -> None:
    # B is merged into A, which brings A to tier 3, and is taken out again: without it, A's own
    # worsening sends it there in the second in which it had raised it for that of the two.
    facts: dict[str, Any] = {"plan": "standard", "requester": "ann", "owner": "olga"}
    worse = {"severity": "S1", "by": "tom", "role": "t1_agent", "reason": "seen"}
    events = [
        opened("2026-03-02T09:00:00Z", vip=True, affected_users=None, **facts),
        opened("2026-03-02T09:00:01Z", ticket="B", severity="S2", affected_users=20, **facts),
        replied("2026-03-02T09:00:03Z"),
        an_event(
            "ticket.merged", "2026-03-03T11:00:05Z", ticket="B", by="olga", into="desk:A"
        ),
        updated("2026-03-03T11:00:09Z", **worse),
        an_event("ticket.unmerged", "2026-03-03T11:00:10Z", ticket="B", by="olga"),
    ]  # fmt: skip
    decisions, snapshot = simulate(events, "2026-03-03T11:01:00Z")
    (standing,) = [one for one in snapshot["escalations"] if one["track"] == "functional"]
    lives = [one for one in decisions if one.get("escalation_id") == standing["escalation_id"]]
    kinds = [(one["type"], one["because"]["triggers"]) for one in lives]
    assert kinds == [
        ("escalation.raised", ["T20"]),
        ("escalation.ended", ["T20"]),
        ("escalation.raised", ["T07"]),
    ]
    before, ended, anew = lives
    assert (ended["reason"], ended["detail"]) == ("withdrawn", "late_event")
    # Whoever is called again need not stand down.
    again = {one["role"] for one in anew["notify"]}
    assert set(ended["stand_down"]) == {one["role"] for one in before["notify"]} - again
    assert (anew["ack_due"], standing["ack_due"]) == ("2026-03-03T11:15:09Z",) * 2


def test_an_event_stamped_in_the_future_counts_from_its_receipt(simulate: Simulate) -> None:
    early = status("2026-03-02T11:00:30Z", "resolved", received="2026-03-02T11:00:00Z")
    decisions, _ = simulate([OPENED, early], "2026-03-02T11:00:00Z")
    assert [one["at"] for one in decisions if one["type"] == "case.closed"] == [
        "2026-03-02T11:00:00Z"
    ]


def test_beyond_the_window_the_receipt_counts_and_nothing_is_withdrawn(simulate: Simulate) -> None:
    late = replied("2026-03-02T11:00:00Z", received="2026-03-03T11:00:01Z")
    decisions, _ = simulate([OPENED, late], "2026-03-03T11:30:00Z")
    assert not [one for one in decisions if one.get("reason") == "withdrawn"]


@pytest.mark.parametrize("deliveries", [2, 3])
def test_repeats_are_counted_and_have_no_effect(simulate: Simulate, deliveries: int) -> None:
    once, _ = simulate(EVENTS, UNTIL)
    again, snapshot = simulate([one for one in EVENTS for _ in range(deliveries)], UNTIL)
    assert again == once
    assert snapshot["counters"]["duplicates"] == (deliveries - 1) * len(EVENTS)


def test_events_before_the_opening_wait_for_it(simulate: Simulate) -> None:
    early = replied("2026-03-02T09:59:00Z")
    decisions, snapshot = simulate([early, OPENED], "2026-03-02T10:00:00Z")
    assert decisions[0]["type"] == "case.opened"
    assert snapshot["timers"][0]["state"] == "met"
