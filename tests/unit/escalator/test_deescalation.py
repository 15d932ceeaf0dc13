"""A case goes down again, and straight back up if it must (De-escalation)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contract.events import TicketEvent
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status, wrote
from tests.support.ticket_lives import FORMS
from tests.unit.escalator.conftest import Simulate, found

LIVED = [
    opened("2026-03-02T10:00:00Z", severity="S1", affected_users=20),
    replied("2026-03-02T10:00:00Z"),
    acknowledged("2026-03-02T10:02:00Z", role="t3_oncall"),
]


def down(
    at: str, *, since: Any = "2026-03-02T10:30:00Z", role: str = "t3_responder", **info: Any
) -> TicketEvent:
    evidence = {"since": since, "text": "no error"}
    form = FORMS["de_escalate"] | {"evidence_of_stability": evidence} | info
    return an_event("escalation.deescalated", at, by="tia", role=role, info=form)


def up(at: str, **data: Any) -> TicketEvent:
    return an_event("escalation.requested", at, by="olga", role="t1_agent", **data)


def test_it_goes_one_tier_down_when_it_was_quiet_for_as_long_as_its_highest_priority_asks(
    simulate: Simulate,
) -> None:
    decisions, snapshot = simulate([*LIVED, down("2026-03-02T11:30:00Z")], "2026-03-02T11:30:00Z")
    (ended,) = found(decisions, "escalation.ended", track="functional")
    assert (ended["reason"], ended["by"]) == ("de_escalated", "tia")
    (moved,) = found(decisions, "tier.changed")
    assert (moved["from_tier"], moved["to_tier"], moved["direction"]) == (3, 2, "down")
    assert snapshot["tier"] == 2


def test_a_second_too_early_is_refused_with_the_time_when_it_is_over(simulate: Simulate) -> None:
    decisions, snapshot = simulate([*LIVED, down("2026-03-02T11:29:59Z")], "2026-03-02T11:29:59Z")
    (refused,) = found(decisions, "act.refused")
    assert (refused["code"], refused["allowed"]) == (
        "observation_not_over",
        ["2026-03-02T11:30:00Z"],
    )
    assert snapshot["tier"] == 3


def test_a_message_of_the_customer_begins_the_observation_anew(simulate: Simulate) -> None:
    events = [*LIVED, wrote("2026-03-02T10:45:00Z"), down("2026-03-02T11:40:00Z")]
    decisions, _ = simulate(events, "2026-03-02T11:40:00Z")
    (refused,) = found(decisions, "act.refused")
    assert refused["allowed"] == ["2026-03-02T11:45:00Z"]


@pytest.mark.parametrize(
    ("act", "code", "missing"),
    [
        (down("2026-03-02T11:30:00Z", role="t1_agent"), "not_permitted", []),
        (
            down("2026-03-02T11:30:00Z", since="lately"),
            "missing_information",
            ["evidence_of_stability"],
        ),
        (
            down("2026-03-02T11:30:00Z", since=None, customer_told=""),
            "missing_information",
            ["evidence_of_stability", "customer_told"],
        ),
    ],
    ids=["by tier 1", "since no time", "without the form"],
)
def test_it_is_refused(simulate: Simulate, act: TicketEvent, code: str, missing: list[str]) -> None:
    decisions, snapshot = simulate([*LIVED, act], "2026-03-02T11:30:00Z")
    (refused,) = found(decisions, "act.refused")
    assert (refused["code"], refused["missing"]) == (code, missing)
    assert snapshot["tier"] == 3


def test_from_tier_1_nothing_goes_down(simulate: Simulate) -> None:
    events = [opened("2026-03-02T10:00:00Z"), down("2026-03-02T13:30:00Z", role="t1_lead")]
    decisions, _ = simulate(events, "2026-03-02T13:30:00Z")
    (refused,) = found(decisions, "act.refused")
    assert (refused["code"], refused["allowed"]) == ("not_permitted", [])


def test_a_closed_case_goes_nowhere(simulate: Simulate) -> None:
    events = [*LIVED, status("2026-03-02T11:00:00Z", "resolved"), down("2026-03-02T11:30:00Z")]
    decisions, _ = simulate(events, "2026-03-02T11:30:00Z")
    assert [one["code"] for one in found(decisions, "act.refused")] == ["ticket_not_open"]


@pytest.mark.parametrize(
    ("at", "tier", "codes"),
    [
        ("2026-03-05T00:10:00Z", 3, []),
        ("2026-03-05T00:10:01Z", 1, ["tier_skip_not_allowed"]),
    ],
    ids=["at its last second", "after it"],
)
def test_within_the_memory_a_case_goes_straight_to_the_highest_tier_that_it_left(
    simulate: Simulate, at: str, tier: int, codes: list[str]
) -> None:
    approval = {"by": "lea", "role": "t1_lead", "at": "2026-03-02T08:10:00Z"}
    since = "2026-03-02T08:10:00Z"
    events = [
        opened("2026-03-02T08:00:00Z", plan="standard"),
        replied("2026-03-02T08:00:00Z"),
        up("2026-03-02T08:10:00Z", to_tier=3, info=FORMS["t2_to_t3"], approved_by=approval),
        down("2026-03-03T08:10:00Z", since=since),
        down("2026-03-03T08:20:00Z", since=since, role="t2_specialist"),
    ]
    before = simulate(events, at)[1]
    decisions, after = simulate([*events, up(at, to_tier=3)], at)
    assert (before["tier"], after["tier"]) == (1, tier)
    assert [one["code"] for one in found(decisions, "act.refused")] == codes


def test_within_the_memory_nothing_waits_for_a_form_which_is_owed_instead(
    simulate: Simulate,
) -> None:
    """T06 moved the case to tier 2, so nobody has filled in a form yet."""
    events = [
        opened("2026-03-02T08:00:00Z", plan="standard"),
        replied("2026-03-02T08:00:00Z"),
        acknowledged("2026-03-04T08:00:00Z"),
        down("2026-03-05T08:10:00Z", since="2026-03-04T08:00:00Z", role="t2_specialist"),
        up("2026-03-05T08:30:00Z"),
    ]
    decisions, snapshot = simulate(events, "2026-03-05T08:30:00Z")
    assert found(decisions, "act.refused") == []
    assert snapshot["tier"] == 2
    assert found(decisions, "escalation.raised")[-1]["info_debt"]["due"] == "2026-03-05T12:30:00Z"
