"""What two tickets that become one keep of their promises."""

from __future__ import annotations

from tests.support.ticket_events import an_event, opened, updated
from tests.unit.escalator.conftest import Simulate


def test_a_broken_promise_that_was_carried_on_is_merged_like_any_other(simulate: Simulate) -> None:
    decisions, snapshot = simulate(
        [
            opened("2026-03-02T09:00:00Z", severity=None, flags=["data_loss"]),
            opened("2026-03-02T09:00:01Z", ticket="B", severity="S2", flags=["legal_or_regulator"]),
            updated("2026-03-02T18:42:08Z", affected_users=2),
            an_event(
                "ticket.merged", "2026-03-02T19:12:11Z", by="olga", role="t1_agent", into="desk:B"
            ),
        ],
        "2026-03-02T20:00:00Z",
    )
    breached = [one for one in decisions if one["type"] == "timer.breached"]
    assert {one["ticket"] for one in breached} == {"desk:A", "desk:B"}
    assert snapshot["status"] == "merged"
