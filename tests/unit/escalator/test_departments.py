"""Departments are asked, are late, report, decline, and are given what nobody takes (Departments)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contract.events import TicketEvent
from tests.support.ticket_events import an_event, opened, replied
from tests.support.ticket_lives import FORMS
from tests.unit.escalator.conftest import Simulate, found, told, triggers

URGENT = opened("2026-03-02T10:00:00Z", plan="premium", severity="S2", affected_users=20)
ANSWERED = replied("2026-03-02T10:00:00Z")


def asked(at: str, department: str = "it", **data: Any) -> TicketEvent:
    given = {"by": "tom", "role": "t2_specialist", "info": FORMS["to_department"]}
    return an_event("escalation.requested", at, department=department, **(given | data))


def declined(at: str, *, role: str = "it_duty", to: str = "engineering", **data: Any) -> Any:
    given = {"by": "ivo", "role": role, "reason_code": "wrong_team", "to": to}
    return an_event("escalation.declined", at, **(given | data))


def assigned(at: str, *, to: str = "it", role: str = "escalation_manager") -> TicketEvent:
    return an_event("escalation.assigned", at, by="max", role=role, to=to)


def took(at: str, department: str = "it") -> TicketEvent:
    who = {"by": "ivo", "role": f"{department}_duty"}
    where = {"track": "external", "department": department}
    return an_event("escalation.acknowledged", at, **who, **where)


def reported(at: str, role: str = "it_duty") -> TicketEvent:
    return an_event("ticket.message", at, author="agent", note_kind="progress", role=role)


ASKED = [URGENT, ANSWERED, asked("2026-03-02T10:05:00Z")]


def test_a_department_that_has_not_acknowledged_in_time_is_called_by_t17_once(
    simulate: Simulate,
) -> None:
    decisions, _ = simulate(ASKED, "2026-03-02T13:00:00Z")
    (overdue,) = [one for one in decisions if triggers(one) == ["T17"]]
    assert (overdue["at"], overdue["target"]) == ("2026-03-02T11:05:00Z", "it")
    assert told(overdue) == ["it_backup", "t2_lead"]


def test_a_department_that_nobody_can_reach_is_overdue_at_once(simulate: Simulate) -> None:
    decisions, _ = simulate(ASKED, "2026-03-02T10:05:00Z")
    (raised,) = found(decisions, "escalation.raised", target="it")
    unreached = an_event(
        "escalation.unreached",
        "2026-03-02T10:05:20Z",
        role="it_duty",
        code="nobody_on_schedule",
        escalation_id=raised["escalation_id"],
    )
    decisions, _ = simulate([*ASKED, unreached], "2026-03-02T10:06:00Z")
    (overdue,) = [one for one in decisions if triggers(one) == ["T17"]]
    assert overdue["at"] == "2026-03-02T10:05:20Z"
    (alert,) = found(decisions, "config.alert")
    assert told(alert) == ["escalation_manager"]


def test_a_department_that_does_not_report_in_time_is_asked_by_t18(simulate: Simulate) -> None:
    events = [*ASKED, took("2026-03-02T10:30:00Z")]
    decisions, _ = simulate(events, "2026-03-02T14:30:00Z")
    (silent,) = [one for one in decisions if triggers(one) == ["T18"]]
    assert silent["at"] == "2026-03-02T14:30:00Z"
    assert told(silent) == ["it_duty", "t3_lead"], "it is in tier 3 by then"


def test_a_report_begins_the_wait_for_the_next_one(simulate: Simulate) -> None:
    events = [*ASKED, took("2026-03-02T10:30:00Z"), reported("2026-03-02T13:00:00Z")]
    decisions, _ = simulate(events, "2026-03-02T17:00:00Z")
    assert [one["at"] for one in decisions if triggers(one) == ["T18"]] == ["2026-03-02T17:00:00Z"]


def test_a_report_of_another_department_is_none(simulate: Simulate) -> None:
    events = [*ASKED, took("2026-03-02T10:30:00Z")]
    events.append(reported("2026-03-02T13:00:00Z", role="engineering_duty"))
    decisions, _ = simulate(events, "2026-03-02T14:30:00Z")
    assert [one["at"] for one in decisions if triggers(one) == ["T18"]] == ["2026-03-02T14:30:00Z"]


def test_a_request_to_a_department_that_is_asked_already_joins(simulate: Simulate) -> None:
    decisions, _ = simulate([*ASKED, asked("2026-03-02T10:10:00Z")], "2026-03-02T10:10:00Z")
    assert len(found(decisions, "escalation.raised", target="it")) == 1
    (joined,) = found(decisions, "escalation.notice_due", target="it")
    assert told(joined) == ["it_duty"]


def test_a_request_to_nobodys_department_is_refused_with_those_that_there_are(
    simulate: Simulate,
) -> None:
    decisions, _ = simulate(
        [URGENT, asked("2026-03-02T10:05:00Z", "gardening")], "2026-03-02T10:06:00Z"
    )
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == "not_permitted"
    assert {"engineering", "it", "legal"} <= set(refused["allowed"])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (declined("2026-03-02T11:05:01Z"), "not_permitted"),
        (declined("2026-03-02T10:20:00Z", role="t2_lead", department="it"), "not_permitted"),
        (declined("2026-03-02T10:20:00Z", to="it"), "missing_information"),
        (declined("2026-03-02T10:20:00Z", reason_code=None), "missing_information"),
        (declined("2026-03-02T10:20:00Z", role="legal_duty"), "no_open_escalation"),
    ],
    ids=["late", "of somebody else", "to itself", "without a reason", "never asked"],
)
def test_a_decline_that_cannot_be_is_refused_and_the_request_stays(
    simulate: Simulate, answer: TicketEvent, code: str
) -> None:
    decisions, snapshot = simulate([*ASKED, answer], "2026-03-02T11:06:00Z")
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == code
    assert "it" in [one["target"] for one in snapshot["escalations"]]
    assert snapshot["counters"]["hops"] == 0


def test_a_decline_at_the_due_second_is_in_time(simulate: Simulate) -> None:
    decisions, _ = simulate([*ASKED, declined("2026-03-02T11:05:00Z")], "2026-03-02T11:05:00Z")
    assert found(decisions, "escalation.ended", target="it", reason="declined")
    assert found(decisions, "escalation.raised", target="engineering")


def test_a_department_that_has_taken_it_cannot_decline_any_more(simulate: Simulate) -> None:
    events = [*ASKED, took("2026-03-02T10:10:00Z"), declined("2026-03-02T10:20:00Z")]
    decisions, _ = simulate(events, "2026-03-02T10:20:00Z")
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == "already_acknowledged"


ORPHANED = [
    *ASKED,
    declined("2026-03-02T10:20:00Z"),
    declined("2026-03-02T10:40:00Z", role="engineering_duty", to="it"),
]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (assigned("2026-03-02T10:50:00Z", role="t2_lead"), "not_permitted"),
        (assigned("2026-03-02T10:50:00Z", to="gardening"), "missing_information"),
    ],
)
def test_an_orphan_is_given_by_the_escalation_manager_to_a_department_that_exists(
    simulate: Simulate, act: TicketEvent, code: str
) -> None:
    decisions, snapshot = simulate([*ORPHANED, act], "2026-03-02T10:50:00Z")
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == code
    assert "orphan" in [one["target"] for one in snapshot["escalations"]]


def test_nothing_is_assigned_where_nobody_has_declined(simulate: Simulate) -> None:
    decisions, _ = simulate([*ASKED, assigned("2026-03-02T10:10:00Z")], "2026-03-02T10:10:00Z")
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == "no_open_escalation"


def test_an_orphan_that_is_assigned_to_a_department_with_an_open_request_binds_it(
    simulate: Simulate,
) -> None:
    events = [*ORPHANED, asked("2026-03-02T10:45:00Z"), assigned("2026-03-02T10:50:00Z")]
    events.append(declined("2026-03-02T10:55:00Z"))
    decisions, _ = simulate(events, "2026-03-02T10:55:00Z")
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == "assigned_cannot_decline"


def test_declines_count_for_each_request_and_a_second_orphan_joins_the_first(
    simulate: Simulate,
) -> None:
    events = [
        *ORPHANED,
        asked("2026-03-02T10:41:00Z", "product"),
        declined("2026-03-02T10:42:00Z", role="product_duty", to="legal"),
        declined("2026-03-02T10:43:00Z", role="legal_duty", to="product"),
    ]
    decisions, _ = simulate(events, "2026-03-02T10:43:00Z")
    assert found(decisions, "escalation.raised", target="legal")
    assert len(found(decisions, "escalation.raised", target="orphan")) == 1
    (joined,) = found(decisions, "escalation.notice_due", target="orphan")
    assert told(joined) == ["escalation_manager"]
