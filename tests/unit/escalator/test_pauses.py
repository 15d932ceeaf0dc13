"""Waiting for the customer, for a date, and for nobody in particular (Pauses)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contract.events import TicketEvent
from tests.support.ticket_events import an_event, opened, replied, status, updated, wrote
from tests.unit.escalator.conftest import Simulate, found, told

OPENED = opened("2026-03-02T08:00:00Z", plan="standard")
AGREED = {"customer_agreement_ref": "call 7"}


def waiting(at: str) -> list[TicketEvent]:
    return [replied(at, asks_customer=True), status(at, "waiting_customer")]


def held(at: str, **data: Any) -> TicketEvent:
    return status(at, "scheduled_hold", **data)


def of(snapshot: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in snapshot["timers"] if one["name"] == name]
    return dict(one)


@pytest.mark.parametrize(
    ("agreed", "missing"),
    [
        ({}, ["customer_agreement_ref", "resume_at"]),
        ({"resume_at": "2026-03-04T09:00:00Z"}, ["customer_agreement_ref"]),
        (AGREED, ["resume_at"]),
        (AGREED | {"resume_at": "2026-03-02T08:10:00Z"}, ["resume_at"]),
        (AGREED | {"resume_at": "2026-04-01T08:10:01Z"}, ["resume_at"]),
        (AGREED | {"resume_at": "2026-03-04T09:00:00[Mars/Olympus]"}, ["resume_at"]),
    ],
    ids=["nothing", "no agreement", "no date", "the past", "too far", "no zone"],
)
def test_a_hold_is_refused_with_what_is_missing(
    simulate: Simulate, agreed: dict[str, str], missing: list[str]
) -> None:
    decisions, snapshot = simulate(
        [OPENED, held("2026-03-02T08:10:00Z", **agreed)], "2026-03-02T08:11:00Z"
    )
    (refused,) = found(decisions, "act.refused")
    assert (refused["code"], refused["missing"]) == ("pause_guard", missing)
    assert of(snapshot, "resolve")["state"] == "running"


def test_a_hold_of_the_longest_time_stands_still_until_its_date(simulate: Simulate) -> None:
    hold = held("2026-03-02T08:10:00Z", resume_at="2026-04-01T08:10:00Z", **AGREED)
    decisions, snapshot = simulate(
        [OPENED, replied("2026-03-02T08:05:00Z"), hold], "2026-04-01T08:09:59Z"
    )
    assert found(decisions, "act.refused") == []
    assert of(snapshot, "resolve")["state"] == "paused"
    _, snapshot = simulate([OPENED, replied("2026-03-02T08:05:00Z"), hold], "2026-04-01T08:10:00Z")
    assert (snapshot["status"], of(snapshot, "resolve")["used_s"]) == ("open", 600)


def test_a_message_of_the_customer_ends_a_hold_before_its_date(simulate: Simulate) -> None:
    hold = held("2026-03-02T08:10:00Z", resume_at="2026-03-04T09:00:00Z", **AGREED)
    _, snapshot = simulate([OPENED, hold, wrote("2026-03-02T09:10:00Z")], "2026-03-02T09:10:00Z")
    assert (snapshot["status"], snapshot["counters"]["paused_s"]) == ("open", 3600)


def test_a_wait_without_a_question_in_the_same_second_is_refused(simulate: Simulate) -> None:
    events = [OPENED, replied("2026-03-02T08:09:59Z", asks_customer=True)]
    decisions, _ = simulate(
        [*events, status("2026-03-02T08:10:00Z", "waiting_customer")], "2026-03-02T08:10:00Z"
    )
    (refused,) = found(decisions, "act.refused")
    assert refused["missing"] == ["public_question_in_same_action"]


def test_a_customer_who_is_silent_is_reminded_of_twice_and_a_p3_is_resolved_in_the_end(
    simulate: Simulate,
) -> None:
    decisions, snapshot = simulate(
        [OPENED, *waiting("2026-03-02T08:00:00Z")], "2026-03-31T08:00:00Z"
    )
    steps = [
        (one["at"], one["step"])
        for one in found(decisions, "timer.warned", timer="waiting_customer")
    ]
    assert steps == [
        ("2026-03-04T16:00:00Z", "remind"),
        ("2026-03-06T16:00:00Z", "remind"),
        ("2026-03-13T16:00:00Z", "auto_resolve"),
    ]
    assert snapshot["status"] == "resolved"
    assert found(decisions, "timer.met", timer="resolve")


def test_a_p1_is_looked_at_by_a_lead_and_never_resolved_by_silence(simulate: Simulate) -> None:
    urgent = opened("2026-03-02T08:00:00Z", severity="S1", affected_users=20)
    decisions, snapshot = simulate(
        [urgent, *waiting("2026-03-02T08:05:00Z")], "2026-03-31T08:00:00Z"
    )
    steps = found(decisions, "timer.warned", timer="waiting_customer")
    assert [(one["at"], one["step"], told(one)) for one in steps] == [
        ("2026-03-02T08:20:00Z", "remind", ["owner"]),
        ("2026-03-02T08:35:00Z", "lead_review_for_downgrade", ["t3_lead"]),
    ]
    assert snapshot["status"] == "waiting_customer"


def test_a_new_priority_brings_only_the_steps_that_lie_ahead(simulate: Simulate) -> None:
    lead = {"by": "lea", "role": "t2_lead", "reason": "a workaround"}
    events = [
        opened("2026-03-02T08:00:00Z", severity="S2", affected_users=20),
        *waiting("2026-03-02T08:00:00Z"),
        updated("2026-03-03T07:00:00Z", severity="S1", affected_users=200, **lead),
    ]
    decisions, _ = simulate(events, "2026-03-04T08:00:00Z")
    steps = found(decisions, "timer.warned", timer="waiting_customer")
    assert [(one["at"], one["priority"]) for one in steps] == [("2026-03-02T12:00:00Z", "P2")]


@pytest.mark.parametrize("to", ["waiting_internal", "waiting_vendor"])
def test_waiting_for_others_than_the_customer_pauses_nothing(simulate: Simulate, to: str) -> None:
    _, snapshot = simulate([OPENED, status("2026-03-02T08:10:00Z", to)], "2026-03-02T09:00:00Z")
    assert {one["state"] for one in snapshot["timers"]} == {"running"}


def test_the_first_response_runs_on_in_a_pause(simulate: Simulate) -> None:
    hold = held("2026-03-02T08:10:00Z", resume_at="2026-03-06T09:00:00Z", **AGREED)
    decisions, _ = simulate([OPENED, hold], "2026-03-04T09:00:00Z")
    (breached,) = found(decisions, "timer.breached")
    assert breached["timer"] == "first_response"


def test_the_same_status_again_is_nothing_new(simulate: Simulate) -> None:
    again = status("2026-03-02T09:00:00Z", "open", reason="again")
    once, _ = simulate([OPENED, status("2026-03-02T08:10:00Z", "open")], "2026-03-02T09:00:00Z")
    twice, _ = simulate(
        [OPENED, status("2026-03-02T08:10:00Z", "open"), again], "2026-03-02T09:00:00Z"
    )
    assert twice == once


def test_the_word_merged_of_a_helpdesk_merges_nothing(simulate: Simulate) -> None:
    _, snapshot = simulate(
        [OPENED, status("2026-03-02T08:10:00Z", "merged")], "2026-03-02T09:00:00Z"
    )
    assert (snapshot["status"], snapshot["merged_into"]) == ("new", None)


def test_an_automatic_receipt_answers_nobody(simulate: Simulate) -> None:
    receipt = replied("2026-03-02T08:00:01Z", auto_submitted=True)
    _, snapshot = simulate([OPENED, receipt], "2026-03-02T08:10:00Z")
    assert of(snapshot, "first_response")["state"] == "running"


def test_a_note_that_the_customer_does_not_see_answers_nobody(simulate: Simulate) -> None:
    note = replied("2026-03-02T08:00:01Z", public=False)
    _, snapshot = simulate([OPENED, note], "2026-03-02T08:10:00Z")
    assert of(snapshot, "first_response")["state"] == "running"


def test_answers_to_the_questions_asked_afterwards_move_nothing(simulate: Simulate) -> None:
    feedback = an_event("feedback.given", "2026-03-02T08:10:00Z", answers={"was_it_clear": "yes"})
    without, _ = simulate([OPENED], "2026-03-02T09:00:00Z")
    decisions, _ = simulate([OPENED, feedback], "2026-03-02T09:00:00Z")
    assert decisions == without
