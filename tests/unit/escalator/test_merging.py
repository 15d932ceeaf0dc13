"""Two tickets become one case, and what an undo leaves of it (Merging)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contract.events import TicketEvent
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status, updated
from tests.support.ticket_lives import FORMS
from tests.unit.escalator.conftest import Simulate, found, triggers

TARGET = opened("2026-03-02T10:00:00Z")


def other(at: str, **data: Any) -> TicketEvent:
    return opened(at, ticket="B", requester="bob", **data)


def merged(at: str, **data: Any) -> TicketEvent:
    return an_event("ticket.merged", at, ticket="B", **({"into": "desk:A", "by": "olga"} | data))


def unmerged(at: str) -> TicketEvent:
    return an_event("ticket.unmerged", at, ticket="B", by="olga")


def timer(snapshot: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in snapshot["timers"] if one["name"] == name]
    return dict(one)


def test_a_breach_of_the_source_stays_one_after_a_change_of_priority(simulate: Simulate) -> None:
    """The change carries the share and forgets when the breach was due."""
    events = [
        other("2026-03-02T09:00:00Z"),
        opened("2026-03-02T10:30:00Z"),
        updated("2026-03-02T11:30:00Z", ticket="B", severity="S2", affected_users=2),
        merged("2026-03-02T11:40:00Z"),
    ]
    decisions, snapshot = simulate(events, "2026-03-02T12:29:00Z")
    assert timer(snapshot, "first_response")["state"] == "breached"
    assert len(found(decisions, "timer.breached", timer="first_response")) == 1


def test_a_breach_of_the_target_is_not_forgotten_for_a_later_promise(simulate: Simulate) -> None:
    events = [
        opened("2026-03-02T09:00:00Z"),
        other("2026-03-02T11:20:00Z"),
        updated("2026-03-02T11:30:00Z", severity="S2", affected_users=2),
        merged("2026-03-02T11:40:00Z"),
    ]
    decisions, snapshot = simulate(events, "2026-03-02T13:30:00Z")
    assert timer(snapshot, "first_response")["state"] == "breached"
    assert len(found(decisions, "timer.breached", timer="first_response")) == 1


def test_a_requester_without_a_reply_keeps_the_old_due_time_in_an_answered_target(
    simulate: Simulate,
) -> None:
    events = [
        TARGET,
        replied("2026-03-02T10:10:00Z"),
        other("2026-03-02T10:20:00Z"),
        merged("2026-03-02T10:30:00Z"),
    ]
    _, snapshot = simulate(events, "2026-03-02T10:31:00Z")
    assert timer(snapshot, "next_response")["due"] == "2026-03-02T12:20:00Z"


def test_the_target_goes_to_the_tier_of_the_source_with_a_new_acknowledgement(
    simulate: Simulate,
) -> None:
    events = [
        TARGET,
        other("2026-03-02T09:00:00Z"),
        an_event(
            "escalation.requested",
            "2026-03-02T10:20:00Z",
            ticket="B",
            by="tom",
            role="t1_agent",
            to_tier=3,
            approved_by={"by": "lea", "role": "t2_lead", "at": "2026-03-02T10:19:00Z"},
            info=FORMS["t2_to_t3"],
        ),
        merged("2026-03-02T10:30:00Z"),
    ]
    decisions, snapshot = simulate(events, "2026-03-02T10:31:00Z")
    (ended,) = found(decisions, "escalation.ended", ticket="desk:B")
    assert (ended["reason"], ended["detail"]) == ("withdrawn", "merged")
    (raised,) = found(decisions, "escalation.raised", ticket="desk:A")
    assert (raised["target"], raised["at"]) == ("t3", "2026-03-02T10:30:00Z")
    assert raised["ack_due"] == "2026-03-02T11:30:00Z"
    assert snapshot["tier"] == 3


def test_the_target_takes_the_worst_severity_all_counts_and_every_flag(simulate: Simulate) -> None:
    source = other(
        "2026-03-02T10:00:00Z", severity="S2", affected_users=9, flags=["legal_or_regulator"]
    )
    decisions, snapshot = simulate(
        [TARGET, source, merged("2026-03-02T10:05:00Z")], "2026-03-02T10:06:00Z"
    )
    assert snapshot["cell"] == {"severity": "S2", "impact": "I3"}
    assert snapshot["flags"] == ["legal_or_regulator", "restricted"]
    (changed,) = found(decisions, "case.reclassified", ticket="desk:A")
    assert (changed["from"], changed["to"]) == ("S3/I1", "S2/I3")


@pytest.mark.parametrize(
    ("before", "into", "code"),
    [
        ([status("2026-03-02T10:02:00Z", "resolved", ticket="B")], "desk:A", "ticket_not_open"),
        ([status("2026-03-02T10:02:00Z", "resolved")], "desk:A", "into_resolved_target"),
        ([status("2026-03-02T10:02:00Z", "cancelled")], "desk:A", "not_permitted"),
        ([], "desk:B", "not_permitted"),
        ([], "desk:nobody", "not_permitted"),
        ([], "group:mail/smtp/down/emea/1", "not_permitted"),
    ],
)
def test_a_merge_that_cannot_be_is_refused_and_changes_nothing(
    simulate: Simulate, before: list[TicketEvent], into: str, code: str
) -> None:
    events = [TARGET, other("2026-03-02T10:01:00Z"), *before]
    last = merged("2026-03-02T10:05:00Z", into=into)
    without, _ = simulate(events, "2026-03-02T10:06:00Z")
    decisions, _ = simulate([*events, last], "2026-03-02T10:06:00Z")
    (refused,) = [one for one in decisions if one not in without]
    assert (refused["type"], refused["code"], refused["act_id"]) == ("act.refused", code, last.id)


def test_a_ticket_merged_into_the_source_of_another_merge_goes_on_to_its_target(
    simulate: Simulate,
) -> None:
    third = opened("2026-03-02T10:02:00Z", ticket="C", affected_users=20, requester="cem")
    into_b = an_event("ticket.merged", "2026-03-02T10:06:00Z", ticket="C", into="desk:B", by="olga")
    events = [TARGET, other("2026-03-02T10:01:00Z"), third]
    _, snapshot = simulate(
        [*events, merged("2026-03-02T10:05:00Z"), into_b], "2026-03-02T10:07:00Z"
    )
    assert snapshot["cell"]["impact"] == "I3"


def test_a_source_is_not_merged_into_the_ticket_that_was_merged_into_it(
    simulate: Simulate,
) -> None:
    back = an_event("ticket.merged", "2026-03-02T10:06:00Z", ticket="A", into="desk:B", by="olga")
    events = [TARGET, other("2026-03-02T10:01:00Z"), merged("2026-03-02T10:05:00Z"), back]
    decisions, snapshot = simulate(events, "2026-03-02T10:07:00Z")
    (refused,) = found(decisions, "act.refused")
    assert (refused["ticket"], refused["code"]) == ("desk:A", "not_permitted")
    assert snapshot["status"] == "new"


@pytest.mark.parametrize(
    ("at", "back"), [("2026-03-03T10:05:00Z", True), ("2026-03-03T10:05:01Z", False)]
)
def test_a_merge_can_be_undone_to_the_last_second_of_its_window(
    simulate: Simulate, at: str, *, back: bool
) -> None:
    target, source = replied("2026-03-02T10:01:00Z"), replied("2026-03-02T10:01:00Z", ticket="B")
    events = [TARGET, other("2026-03-02T10:00:00Z"), target, source]
    decisions, _ = simulate([*events, merged("2026-03-02T10:05:00Z"), unmerged(at)], at)
    later, _ = simulate(
        [
            *events,
            merged("2026-03-02T10:05:00Z"),
            unmerged(at),
            status("2026-03-03T10:06:00Z", "resolved", ticket="B"),
        ],
        "2026-03-03T10:06:00Z",
    )
    closed = found(later[len(decisions) :], "case.closed", ticket="desk:B", status="resolved")
    assert bool(closed) is back


def test_an_escalation_that_an_undo_brings_back_is_raised_anew(simulate: Simulate) -> None:
    source = other("2026-03-02T10:00:00Z", severity="S2", affected_users=20)
    events = [
        TARGET,
        source,
        acknowledged("2026-03-02T10:02:00Z", ticket="B", role="t2_oncall"),
        merged("2026-03-02T10:05:00Z"),
        unmerged("2026-03-02T10:20:00Z"),
    ]
    decisions, snapshot = simulate(events, "2026-03-02T10:21:00Z")
    back = found(decisions, "escalation.raised", ticket="desk:B")[-1]
    assert triggers(back) == ["restored"]
    assert (back["at"], back["ack_due"]) == ("2026-03-02T10:20:00Z", "2026-03-02T10:35:00Z")
    assert (snapshot["tier"], snapshot["escalations"]) == (1, [])
