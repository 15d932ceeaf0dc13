"""A helpdesk that shows whole tickets: each change has its effect exactly once."""

from __future__ import annotations

from typing import Any

from shared.contract.events import TicketEvent
from tests.support.ticket_events import an_event, opened, status, updated
from tests.unit.escalator.conftest import Simulate, found

SHOWN: dict[str, Any] = {
    "title": "Totals differ",
    "severity": "S3",
    "affected_users": 1,
    "requester": "ann",
    "owner": "olga",
    "customer": {"id": "acme", "plan": "enterprise", "region": "emea"},
}


def observed(at: str, **changes: Any) -> TicketEvent:
    return an_event("ticket.observed", at, **(SHOWN | changes))


def test_the_first_snapshot_opens_the_case_in_the_status_that_it_shows(simulate: Simulate) -> None:
    decisions, snapshot = simulate(
        [observed("2026-03-02T10:00:00Z", status="open")], "2026-03-02T10:00:00Z"
    )
    assert [one["type"] for one in decisions] == ["case.opened"]
    assert (snapshot["status"], snapshot["owner"]) == ("open", "olga")


def test_an_opening_says_who_asked_and_when_by_the_helpdesk_and_a_first_snapshot_says_neither(
    simulate: Simulate,
) -> None:
    late = opened("2025-03-02T10:00:00Z", received="2026-03-02T10:00:00Z")
    (told, *_), _ = simulate([late], "2026-03-02T10:00:00Z")
    assert told["at"] == "2026-03-02T10:00:00Z"
    assert (told["requester"], told["reported_at"]) == ("ann", "2025-03-02T10:00:00Z")
    (seen, *_), _ = simulate([observed("2026-03-02T10:00:00Z")], "2026-03-02T10:00:00Z")
    assert {"requester", "reported_at"}.isdisjoint(seen)


def test_a_change_that_is_shown_three_times_has_one_effect(simulate: Simulate) -> None:
    graver = {"severity": "S2", "affected_users": 20}
    events = [observed("2026-03-02T10:00:00Z")]
    events += [observed(f"2026-03-02T10:0{n}:00Z", **graver) for n in (1, 2, 3)]
    decisions, snapshot = simulate(events, "2026-03-02T10:03:30Z")
    (changed,) = found(decisions, "case.reclassified")
    assert (changed["at"], changed["to"]) == ("2026-03-02T10:01:00Z", "S2/I3")
    assert len(found(decisions, "escalation.raised")) == 1
    assert snapshot["tier"] == 2


def test_a_lowering_that_is_refused_is_refused_once_however_often_it_is_shown(
    simulate: Simulate,
) -> None:
    events = [observed("2026-03-02T10:00:00Z", severity="S2")]
    events += [observed(f"2026-03-02T10:0{n}:00Z") for n in (1, 2, 3)]
    decisions, snapshot = simulate(events, "2026-03-02T10:04:00Z")
    assert [one["at"] for one in found(decisions, "act.refused")] == ["2026-03-02T10:01:00Z"]
    assert snapshot["cell"]["severity"] == "S2"


def test_a_snapshot_gives_no_reason_so_an_update_has_to_lower_the_severity(
    simulate: Simulate,
) -> None:
    lead = {"by": "lea", "role": "t1_lead"}
    events = [
        observed("2026-03-02T10:00:00Z", severity="S2"),
        observed("2026-03-02T10:01:00Z", **lead),
        updated("2026-03-02T10:02:00Z", severity="S3", reason="a workaround", **lead),
        observed("2026-03-02T10:03:00Z", **lead),
    ]
    decisions, snapshot = simulate(events, "2026-03-02T10:03:00Z")
    assert [one["at"] for one in found(decisions, "act.refused")] == ["2026-03-02T10:01:00Z"]
    assert snapshot["cell"]["severity"] == "S3"


def test_a_status_that_is_shown_again_does_not_undo_what_ended_it_meanwhile(
    simulate: Simulate,
) -> None:
    """The helpdesk has shown `open` before; only what differs from its last word is a change."""
    events = [
        observed("2026-03-02T10:00:00Z", status="open"),
        status("2026-03-02T10:10:00Z", "resolved"),
        observed("2026-03-02T10:11:00Z", status="open"),
        observed("2026-03-02T10:12:00Z", status="resolved"),
        observed("2026-03-02T10:13:00Z", status="open"),
    ]
    decisions, snapshot = simulate(events, "2026-03-02T10:14:00Z")
    assert [one["at"] for one in found(decisions, "case.reopened")] == ["2026-03-02T10:13:00Z"]
    assert snapshot["counters"]["reopens"] == 1


def test_a_first_snapshot_of_a_ticket_that_was_opened_changes_only_what_differs(
    simulate: Simulate,
) -> None:
    events = [
        opened("2026-03-02T10:00:00Z"),
        observed("2026-03-02T10:05:00Z", owner="eva", affected_users=1, status="new"),
        observed("2026-03-02T10:06:00Z", owner="eva", status="resolved"),
    ]
    decisions, snapshot = simulate(events, "2026-03-02T10:07:00Z")
    assert [one["type"] for one in decisions] == ["case.opened", "timer.met", "case.closed"]
    assert snapshot["owner"] == "eva"


def test_a_field_that_a_snapshot_leaves_out_says_nothing(simulate: Simulate) -> None:
    bare = an_event("ticket.observed", "2026-03-02T10:05:00Z", severity="S3")
    events = [observed("2026-03-02T10:00:00Z", affected_users=20), bare]
    _, snapshot = simulate(events, "2026-03-02T10:05:00Z")
    assert (snapshot["cell"]["impact"], snapshot["owner"]) == ("I3", "olga")
