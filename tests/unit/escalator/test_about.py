"""Decisions say what the case is about, so that whoever tells people needs no other topic."""

from __future__ import annotations

from shared.contract.decisions import TITLE_AT_MOST
from tests.support.ticket_events import opened, updated
from tests.unit.escalator.conftest import Simulate

URL = "https://desk.example.org/1"


def test_every_decision_says_what_the_ticket_says_by_then(simulate: Simulate) -> None:
    events = [
        opened(
            "2026-03-02T10:00:00Z",
            title="Totals differ",
            url=URL,
            owner="olga",
            severity="S3",
            customer={"id": "acme", "plan": "standard", "region": "emea"},
            component="checkout",
            service="shop",
        ),
        updated("2026-03-02T11:00:00Z", title="Totals differ by a cent", owner="tom"),
        updated("2026-03-02T11:30:00Z", owner=None, severity="S1"),
    ]
    decisions, _ = simulate(events, "2026-03-02T12:00:00Z")
    about = {
        "title": "Totals differ",
        "url": URL,
        "owner": "olga",
        "customer": "acme",
        "component": "checkout",
        "service": "shop",
    }
    assert decisions[0]["about"] == about
    del about["owner"]
    assert decisions[-1]["about"] == about | {"title": "Totals differ by a cent"}


def test_a_title_without_end_is_cut(simulate: Simulate) -> None:
    decisions, _ = simulate(
        [opened("2026-03-02T10:00:00Z", title="x" * 5000)], "2026-03-02T10:00:00Z"
    )
    assert decisions[0]["about"]["title"] == "x" * TITLE_AT_MOST
