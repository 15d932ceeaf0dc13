"""A helpdesk whose clock is wrong too often is read by receipt, and that is said (Late events)."""

from __future__ import annotations

from shared.contract.events import TicketEvent
from tests.support.ticket_events import opened, replied, wrote
from tests.unit.escalator.conftest import Simulate, found, told

OPENED = opened("2026-03-02T10:00:00Z")


def ahead(received: str, by_s: int = 6) -> TicketEvent:
    """A message of the customer that claims to be from *by_s* seconds after its receipt."""
    at = f"{received[:17]}{int(received[17:19]) + by_s:02}Z"
    return wrote(at, received=received)


def test_three_wrong_stamps_in_ten_minutes_are_told_once(simulate: Simulate) -> None:
    minutes = (1, 5, 11, 12, 13, 14)
    events = [ahead(f"2026-03-02T10:{minute:02}:00Z") for minute in minutes]
    decisions, _ = simulate([OPENED, *events], "2026-03-02T10:20:00Z")
    (alert,) = found(decisions, "config.alert")
    assert (alert["code"], alert["detail"]) == ("skewed_source", {"source": "desk"})
    assert (alert["ticket"], alert["at"]) == ("desk:A", "2026-03-02T10:11:00Z")
    assert told(alert) == ["it_duty", "escalation_manager"]


def test_wrong_stamps_that_are_further_apart_are_nothing_to_tell(simulate: Simulate) -> None:
    events = [ahead(f"2026-03-02T10:{minute:02}:00Z") for minute in (0, 5, 11)]
    decisions, _ = simulate([OPENED, *events], "2026-03-02T10:20:00Z")
    assert found(decisions, "config.alert") == []


def test_what_is_ahead_by_no_more_than_the_tolerance_is_not_wrong(simulate: Simulate) -> None:
    events = [ahead(f"2026-03-02T10:0{minute}:00Z", by_s=5) for minute in range(1, 6)]
    decisions, _ = simulate([OPENED, *events], "2026-03-02T10:20:00Z")
    assert found(decisions, "config.alert") == []


def test_from_then_on_the_receipt_counts_even_for_what_comes_late(simulate: Simulate) -> None:
    wrong = [ahead(f"2026-03-02T10:0{minute}:00Z") for minute in (1, 2, 3)]
    late = replied("2026-03-02T10:30:00Z", received="2026-03-02T10:40:00Z")
    decisions, _ = simulate([OPENED, *wrong, late], "2026-03-02T10:40:00Z")
    assert found(decisions, "timer.met")[0]["at"] == "2026-03-02T10:40:00Z"
    decisions, _ = simulate([OPENED, *wrong[:2], late], "2026-03-02T10:40:00Z")
    assert found(decisions, "timer.met")[0]["at"] == "2026-03-02T10:30:00Z"
