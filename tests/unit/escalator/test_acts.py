"""Which escalation an act means, and what the notifier says of people out of reach (Refusals)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contract.events import TicketEvent
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status
from tests.support.ticket_lives import FORMS
from tests.unit.escalator.conftest import Simulate, found, told, triggers

URGENT = [
    opened("2026-03-02T10:00:00Z", plan="premium", severity="S2", affected_users=20),
    replied("2026-03-02T10:00:00Z"),
]


def asked(at: str, department: str) -> TicketEvent:
    who = {"by": "tom", "role": "t2_specialist"}
    info = FORMS["to_department"]
    return an_event("escalation.requested", at, department=department, info=info, **who)


def unreached(at: str, role: str, **data: Any) -> TicketEvent:
    return an_event("escalation.unreached", at, role=role, code="nobody_on_schedule", **data)


def test_an_act_may_name_its_escalation(simulate: Simulate) -> None:
    events = [*URGENT, asked("2026-03-02T10:05:00Z", "it"), asked("2026-03-02T10:06:00Z", "legal")]
    decisions, _ = simulate(events, "2026-03-02T10:06:00Z")
    (legal,) = found(decisions, "escalation.raised", target="legal")
    named = {"escalation_id": legal["escalation_id"], "by": "lia", "role": "legal_duty"}
    decisions, _ = simulate(
        [*events, acknowledged("2026-03-02T10:10:00Z", **named)], "2026-03-02T10:10:00Z"
    )
    assert [one["target"] for one in found(decisions, "escalation.acknowledged")] == ["legal"]


def test_without_a_department_the_only_open_request_is_meant_and_of_two_none(
    simulate: Simulate,
) -> None:
    took = acknowledged("2026-03-02T10:10:00Z", by="ivo", role="it_duty", track="external")
    one = [*URGENT, asked("2026-03-02T10:05:00Z", "it")]
    decisions, _ = simulate([*one, took], "2026-03-02T10:10:00Z")
    assert [d["target"] for d in found(decisions, "escalation.acknowledged")] == ["it"]
    two = [*one, asked("2026-03-02T10:06:00Z", "legal"), took]
    decisions, _ = simulate(two, "2026-03-02T10:10:00Z")
    assert [d["code"] for d in found(decisions, "act.refused")] == ["no_open_escalation"]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("escalation.acknowledged", {}),
        ("escalation.returned", {"reason_code": "wrong_team", "info": FORMS["return"]}),
        ("escalation.handed_over", {"to": "eva"}),
        ("escalation.declined", {"reason_code": "no", "to": "it"}),
        ("escalation.assigned", {"to": "it"}),
    ],
)
def test_on_a_closed_case_every_act_is_refused(
    simulate: Simulate, kind: str, data: dict[str, Any]
) -> None:
    act = an_event(kind, "2026-03-02T10:30:00Z", by="tom", role="t2_specialist", **data)
    events = [*URGENT, status("2026-03-02T10:20:00Z", "resolved"), act]
    decisions, _ = simulate(events, "2026-03-02T10:30:00Z")
    assert [one["code"] for one in found(decisions, "act.refused")] == ["ticket_not_open"]


def raised_in(simulate: Simulate) -> str:
    decisions, _ = simulate(URGENT, "2026-03-02T10:00:00Z")
    return str(found(decisions, "escalation.raised")[0]["escalation_id"])


def test_the_manager_hears_of_an_empty_seat_once_for_each_reason(simulate: Simulate) -> None:
    one = {"escalation_id": raised_in(simulate)}
    events = [
        *URGENT,
        unreached("2026-03-02T10:00:10Z", "t2_oncall", **one),
        unreached("2026-03-02T10:00:20Z", "t2_oncall", **one),
        unreached("2026-03-02T10:00:30Z", "t2_backup", **one),
    ]
    decisions, _ = simulate(events, "2026-03-02T10:00:30Z")
    (alert,) = found(decisions, "config.alert")
    assert (told(alert), alert["detail"]) == (["escalation_manager"], {"role": "t2_oncall"})


def test_an_empty_seat_after_the_acknowledgement_makes_no_more_calls(simulate: Simulate) -> None:
    one = {"escalation_id": raised_in(simulate)}
    events = [
        *URGENT,
        acknowledged("2026-03-02T10:01:00Z", role="t2_lead"),
        unreached("2026-03-02T10:02:00Z", "t2_oncall", **one),
    ]
    decisions, _ = simulate(events, "2026-03-02T10:02:00Z")
    assert found(decisions, "escalation.notice_due") == []


@pytest.mark.parametrize(
    "events",
    [
        [*URGENT, unreached("2026-03-02T10:02:00Z", "t2_oncall", escalation_id="esc-0")],
        [
            *URGENT,
            status("2026-03-02T10:01:00Z", "resolved"),
            unreached("2026-03-02T10:02:00Z", "t2_oncall"),
        ],
    ],
    ids=["of an escalation that is over", "of a closed case"],
)
def test_an_empty_seat_is_nothing_to_speak_of(
    simulate: Simulate, events: list[TicketEvent]
) -> None:
    decisions, _ = simulate(events, "2026-03-02T10:02:00Z")
    assert found(decisions, "config.alert") == []


def test_a_wish_that_nobody_takes_in_tier_2_goes_to_the_product_department(
    simulate: Simulate,
) -> None:
    """S4 is at home with product: T07 asks its duty, and its agreement counts for the answer."""
    events = [
        opened("2026-03-02T08:00:00Z", severity="S4", vip=True),
        replied("2026-03-02T08:00:00Z"),
    ]
    decisions, snapshot = simulate(events, "2026-03-11T12:00:00Z")
    (raised,) = found(decisions, "escalation.raised", target="product")
    assert "T07" in triggers(raised)
    assert {"product_duty", "t2_lead"} <= set(told(raised))
    assert raised["ack_due"] == "2026-03-12T14:00:00Z", "forty hours, not the row's four"
    assert snapshot["tier"] == 2


def test_a_report_of_a_department_that_has_not_taken_it_begins_no_wait(simulate: Simulate) -> None:
    note = {"author": "agent", "note_kind": "progress", "role": "it_duty"}
    events = [*URGENT, asked("2026-03-02T10:05:00Z", "it")]
    events.append(an_event("ticket.message", "2026-03-02T10:30:00Z", **note))
    decisions, _ = simulate(events, "2026-03-02T18:00:00Z")
    assert [one for one in decisions if "T18" in triggers(one)] == []


def test_a_note_on_a_closed_case_is_nothing_to_count(simulate: Simulate) -> None:
    note = {"author": "agent", "note_kind": "progress", "role": "t2_specialist"}
    events = [*URGENT, status("2026-03-02T10:20:00Z", "resolved")]
    without, _ = simulate(events, "2026-03-02T11:00:00Z")
    events.append(an_event("ticket.message", "2026-03-02T10:30:00Z", **note))
    decisions, _ = simulate(events, "2026-03-02T11:00:00Z")
    assert decisions == without
