"""Somebody asks for a higher tier, a lead or executives (Refusals, Tracks, Executives)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contract.events import TicketEvent
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status, updated
from tests.support.ticket_lives import FORMS
from tests.unit.escalator.conftest import Simulate, found, told, triggers

ALL = FORMS["t2_to_t3"] | FORMS["t3_to_exec"]
PLAIN = [opened("2026-03-02T08:00:00Z"), replied("2026-03-02T08:00:00Z")]
URGENT = [
    opened("2026-03-02T10:00:00Z", severity="S2", affected_users=20),
    replied("2026-03-02T10:00:00Z"),
]
TOP = [
    opened("2026-03-02T10:00:00Z", severity="S1", affected_users=20),
    replied("2026-03-02T10:00:00Z"),
]


def asked(at: str, *, by: str = "olga", role: str = "t1_agent", **data: Any) -> TicketEvent:
    return an_event("escalation.requested", at, by=by, role=role, **({"info": ALL} | data))


def test_two_people_who_press_at_once_raise_once(simulate: Simulate) -> None:
    """Both saw the case in tier 1, so both mean tier 2."""
    seen = simulate(PLAIN, "2026-03-02T08:30:00Z")[1]["version"]
    events = [
        *PLAIN,
        asked("2026-03-02T08:30:00Z", as_of=seen),
        asked("2026-03-02T08:30:02Z", by="tom", as_of=seen),
    ]
    decisions, snapshot = simulate(events, "2026-03-02T08:31:00Z")
    assert len(found(decisions, "escalation.raised")) == 1
    (refused,) = found(decisions, "act.refused")
    assert (refused["by"], refused["code"], refused["allowed"]) == (
        "tom",
        "already_at_tier",
        ["t3"],
    )
    assert snapshot["tier"] == 2


def test_whoever_has_seen_the_raise_means_the_next_tier(simulate: Simulate) -> None:
    first = [*PLAIN, asked("2026-03-02T08:30:00Z")]
    seen = simulate(first, "2026-03-02T08:30:00Z")[1]["version"]
    again = asked("2026-03-02T08:40:00Z", by="tom", role="t2_specialist", as_of=seen)
    _, snapshot = simulate([*first, again], "2026-03-02T08:41:00Z")
    assert snapshot["tier"] == 3


def test_a_request_of_a_role_without_the_right_is_refused_with_those_who_have_it(
    simulate: Simulate,
) -> None:
    decisions, _ = simulate(
        [*PLAIN, asked("2026-03-02T08:30:00Z", role="trainer")], "2026-03-02T08:31:00Z"
    )
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == "not_permitted"
    assert "t1_agent" in refused["allowed"]


def test_a_closed_case_is_refused_first(simulate: Simulate) -> None:
    events = [*PLAIN, status("2026-03-02T08:20:00Z", "resolved")]
    decisions, _ = simulate(
        [*events, asked("2026-03-02T08:30:00Z", role="trainer")], "2026-03-02T08:31:00Z"
    )
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == "ticket_not_open"


def test_a_p1_passes_with_the_minimum_and_owes_the_rest(simulate: Simulate) -> None:
    least = FORMS["P1_or_override_minimum"]
    events = [*TOP, asked("2026-03-02T10:05:00Z", department="legal", info=least)]
    decisions, _ = simulate(events, "2026-03-02T10:35:00Z")
    (raised,) = found(decisions, "escalation.raised", target="legal")
    assert raised["info_debt"]["due"] == "2026-03-02T10:35:00Z"
    assert "done_means" in raised["info_debt"]["fields"]
    (claimed,) = [
        one for one in decisions if triggers(one) == ["info_debt"] and one.get("target") == "legal"
    ]
    assert told(claimed) == ["t3_lead"]


def test_a_p1_without_the_minimum_is_refused_with_what_is_missing_of_that(
    simulate: Simulate,
) -> None:
    least = {**FORMS["P1_or_override_minimum"], "callback_contact": ""}
    events = [*TOP, asked("2026-03-02T10:05:00Z", department="legal", info=least)]
    decisions, _ = simulate(events, "2026-03-02T10:06:00Z")
    (refused,) = found(decisions, "act.refused")
    assert (refused["code"], refused["missing"]) == ("missing_information", ["callback_contact"])


def test_a_wish_for_authority_calls_the_lead_and_moves_nothing(simulate: Simulate) -> None:
    decisions, snapshot = simulate(
        [*PLAIN, asked("2026-03-02T08:30:00Z", track="hierarchical")], "2026-03-02T08:31:00Z"
    )
    (raised,) = found(decisions, "escalation.raised")
    assert (raised["track"], raised["target"]) == ("hierarchical", "t1_lead")
    assert (told(raised), snapshot["tier"]) == (["t1_lead"], 1)


def test_a_second_wish_for_authority_joins(simulate: Simulate) -> None:
    wishes = [asked(f"2026-03-02T08:3{n}:00Z", track="hierarchical") for n in range(2)]
    decisions, _ = simulate([*PLAIN, *wishes], "2026-03-02T08:31:00Z")
    assert len(found(decisions, "escalation.raised")) == 1
    (joined,) = found(decisions, "escalation.notice_due")
    assert told(joined) == ["t1_lead"]


def test_above_the_top_a_p3_asks_the_manager_without_a_form(simulate: Simulate) -> None:
    events = [
        *PLAIN,
        asked("2026-03-02T08:30:00Z"),
        asked("2026-03-02T08:40:00Z", by="tom", role="t2_specialist"),
        asked("2026-03-02T08:50:00Z", by="tia", role="t3_responder", info={}),
    ]
    decisions, snapshot = simulate(events, "2026-03-02T08:50:00Z")
    (raised,) = [one for one in decisions if triggers(one) == ["T21"]]
    assert (raised["track"], raised["target"]) == ("hierarchical", "escalation_manager")
    assert snapshot["tier"] == 3


def test_above_the_top_a_p2_needs_the_form_of_executives(simulate: Simulate) -> None:
    events = [
        *URGENT,
        asked("2026-03-02T10:05:00Z", by="tom", role="t2_specialist", info=FORMS["t2_to_t3"]),
        asked("2026-03-02T10:10:00Z", by="tia", role="t3_responder", info={"decision_wanted": "x"}),
    ]
    decisions, _ = simulate(events, "2026-03-02T10:10:00Z")
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == "missing_information"
    assert "decide_by" in refused["missing"]


def test_above_the_top_a_p1_goes_to_executives_and_owes_the_form(simulate: Simulate) -> None:
    events = [*TOP, asked("2026-03-02T10:05:00Z", by="tia", role="t3_responder", info={})]
    decisions, _ = simulate(events, "2026-03-02T10:05:00Z")
    (raised,) = [one for one in decisions if triggers(one) == ["T21"]]
    assert (raised["target"], raised["info_debt"]["due"]) == ("exec", "2026-03-02T10:35:00Z")


@pytest.mark.parametrize(
    ("at", "suppressed"), [("2026-03-02T11:05:00Z", True), ("2026-03-02T11:05:01Z", False)]
)
def test_executives_are_left_alone_for_the_cool_down(
    simulate: Simulate, at: str, *, suppressed: bool
) -> None:
    tia = {"by": "tia", "role": "t3_responder"}
    events = [*TOP, asked("2026-03-02T10:05:00Z", **tia), asked(at, **tia)]
    decisions, _ = simulate(events, at)
    refused = found(decisions, "act.refused", code="suppressed_by_cooldown")
    assert bool(refused) is suppressed


def test_a_flag_ends_the_cool_down_and_executives_hear_what_has_changed(simulate: Simulate) -> None:
    tia = {"by": "tia", "role": "t3_responder"}
    flag = an_event("case.flagged", "2026-03-02T10:20:00Z", flag="safety", **tia)
    events = [*TOP, asked("2026-03-02T10:05:00Z", **tia), flag]
    decisions, _ = simulate([*events, asked("2026-03-02T10:21:00Z", **tia)], "2026-03-02T10:21:00Z")
    again = [one for one in decisions if one.get("target") == "exec" and triggers(one) == ["T20"]]
    assert told(again[0])[0] == "exec_oncall"
    assert found(decisions, "act.refused") == []


@pytest.mark.parametrize(
    ("approval", "code"),
    [
        (None, "tier_skip_not_allowed"),
        ({"by": "olga", "role": "t1_lead", "at": "2026-03-02T08:29:00Z"}, "approval_by_self"),
        ({"by": "lea", "role": "t1_agent", "at": "2026-03-02T08:29:00Z"}, "tier_skip_not_allowed"),
        ({"by": "lea", "role": "t1_lead", "at": "2026-03-02T08:14:59Z"}, "approval_expired"),
        ({"by": "lea", "role": "t1_lead", "at": "2026-03-02T08:15:00Z"}, None),
    ],
    ids=["none", "own", "of nobody who may", "expired", "at its last second"],
)
def test_tier_2_is_skipped_with_the_approval_of_somebody_else(
    simulate: Simulate, approval: dict[str, str] | None, code: str | None
) -> None:
    given: dict[str, Any] = {} if approval is None else {"approved_by": approval}
    events = [*PLAIN, asked("2026-03-02T08:30:00Z", to_tier=3, **given)]
    decisions, snapshot = simulate(events, "2026-03-02T08:30:00Z")
    assert [one["code"] for one in found(decisions, "act.refused")] == ([code] if code else [])
    assert snapshot["tier"] == (1 if code else 3)


def test_information_that_is_supplied_later_settles_the_debt(simulate: Simulate) -> None:
    raised = [
        opened("2026-03-02T08:00:00Z", plan="premium"),
        replied("2026-03-02T08:00:00Z"),
        updated("2026-03-02T08:10:00Z", severity="S2", affected_users=20),
    ]
    supplied = an_event(
        "escalation.info_supplied",
        "2026-03-02T08:20:00Z",
        by="olga",
        role="t1_agent",
        info=FORMS["t1_to_t2"],
    )
    decisions, _ = simulate([*raised, supplied], "2026-03-02T10:00:00Z")
    assert [one for one in decisions if "info_debt" in triggers(one)] == []
    decisions, _ = simulate(raised, "2026-03-02T10:00:00Z")
    assert [one["at"] for one in decisions if "info_debt" in triggers(one)] == [
        "2026-03-02T09:10:00Z"
    ]


def test_information_for_a_closed_case_is_refused(simulate: Simulate) -> None:
    supplied = an_event(
        "escalation.info_supplied", "2026-03-02T08:20:00Z", by="olga", role="t1_agent", info={}
    )
    events = [*PLAIN, status("2026-03-02T08:10:00Z", "resolved"), supplied]
    decisions, _ = simulate(events, "2026-03-02T08:21:00Z")
    assert [one["code"] for one in found(decisions, "act.refused")] == ["ticket_not_open"]


def test_an_acknowledgement_of_nothing_is_refused(simulate: Simulate) -> None:
    decisions, _ = simulate([*PLAIN, acknowledged("2026-03-02T08:10:00Z")], "2026-03-02T08:11:00Z")
    assert [one["code"] for one in found(decisions, "act.refused")] == ["no_open_escalation"]


@pytest.mark.parametrize(
    ("priority", "people"),
    [(PLAIN, ["t1_lead"]), (URGENT, ["t2_lead", "account_manager"])],
    ids=["P3", "P2"],
)
def test_a_customer_who_asks_for_a_manager_gets_one_by_t16(
    simulate: Simulate, priority: list[TicketEvent], people: list[str]
) -> None:
    wish = an_event(
        "ticket.message",
        "2026-03-02T10:30:00Z",
        author="customer",
        public=True,
        wants_manager=True,
    )
    decisions, snapshot = simulate([*priority, wish], "2026-03-02T10:30:00Z")
    (raised,) = [one for one in decisions if triggers(one) == ["T16"]]
    assert (raised["track"], told(raised)) == ("hierarchical", people)
    assert snapshot["tier"] == (1 if priority is PLAIN else 2)
