"""What events say of a ticket, and the bounds of what a row remembers of it."""

from __future__ import annotations

from services.tracker.core.facts import FLAG, FLAGS, LONGEST, MARKS
from shared.contract.events import Customer
from tests.support.ticket_events import an_event, opened, status, updated
from tests.support.tracker_messages import heard, projected

OPENED = opened("2026-03-02T10:00:00Z")


def test_a_late_fact_does_not_replace_a_newer_one() -> None:
    newer = updated("2026-03-02T12:00:00Z", title="Newer")
    late = updated("2026-03-02T11:00:00Z", title="Late", owner="paul")
    facts = projected(heard(OPENED, newer, late)).facts
    assert (facts.value("title"), facts.value("owner")) == ("Newer", "paul")


def test_an_update_changes_only_what_was_sent_in_the_customer_too() -> None:
    facts = projected(heard(OPENED, updated("2026-03-02T11:00:00Z", customer={"vip": True}))).facts
    assert (facts.value("customer.vip"), facts.value("customer.plan")) == (True, "enterprise")


def test_facts_of_the_customer_are_kept_in_one_order_in_every_process() -> None:
    sent = {"vip": False, "region": "emea", "plan": "premium", "name": "Hotel", "id": "org1"}
    facts = projected(heard(opened("2026-03-02T10:00:00Z", customer=sent))).facts
    kept = [name for name in facts.values if name.startswith("customer.")]
    assert kept == [f"customer.{name}" for name in Customer.model_fields if name in sent]


def test_a_null_takes_a_fact_back() -> None:
    assert (
        projected(heard(OPENED, updated("2026-03-02T11:00:00Z", owner=None))).facts.value("owner")
        is None
    )


def test_a_snapshot_of_the_helpdesk_is_facts_and_a_status() -> None:
    seen = an_event(
        "ticket.observed", "2026-03-02T11:00:00Z", title="Seen", status="waiting_vendor"
    )
    facts = projected(heard(OPENED, seen)).facts
    assert facts.value("title") == "Seen"
    assert [mark[2] for mark in facts.marks] == ["waiting_vendor"]


def test_a_row_keeps_long_texts_short_and_half_an_address_not_at_all() -> None:
    facts = projected(heard(opened("2026-03-02T10:00:00Z", title="x" * 9999, url="h" * 9999))).facts
    assert len(facts.value("title")) == LONGEST
    assert facts.value("url") is None


def test_a_row_remembers_so_many_flags_and_changes_of_status_in_any_order() -> None:
    events = [OPENED]
    for n in range(FLAGS + 20):
        at = f"2026-03-02T11:{n % 60:02}:{n // 60:02}Z"
        events += [
            an_event("case.flagged", at, flag=f"f{n}", by="x"),
            status(at, "open", reason=at),
        ]
    messages = heard(*events)
    row = projected(messages)
    assert len([name for name in row.facts.values if name.startswith(FLAG)]) == FLAGS
    assert len(row.facts.marks) == MARKS
    assert projected(reversed(messages)) == row
