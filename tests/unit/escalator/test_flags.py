"""Overrides are set and taken away, facts change, silence is asked for (Overrides)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contract.events import TicketEvent
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status, updated
from tests.unit.escalator.conftest import Simulate, found, told, triggers

PLAIN = [opened("2026-03-02T10:00:00Z"), replied("2026-03-02T10:00:00Z")]
URGENT = [
    opened("2026-03-02T10:00:00Z", plan="premium", severity="S2", affected_users=20),
    replied("2026-03-02T10:00:00Z"),
    acknowledged("2026-03-02T10:05:00Z", role="t2_oncall"),
]


def flagged(at: str, flag: str = "data_loss", role: str = "t1_agent") -> TicketEvent:
    return an_event("case.flagged", at, flag=flag, by="olga", role=role)


def unflagged(at: str, flag: str = "data_loss", role: str = "t1_lead") -> TicketEvent:
    return an_event("case.unflagged", at, flag=flag, by="lea", role=role)


def snoozed(at: str, until: str, role: str = "t2_oncall") -> TicketEvent:
    return an_event("case.snoozed", at, until=until, by="tom", role=role)


def refusals(decisions: list[dict[str, Any]]) -> list[str]:
    return [one["code"] for one in found(decisions, "act.refused")]


def test_a_flag_is_a_worsening_and_asks_its_departments(simulate: Simulate) -> None:
    decisions, snapshot = simulate(
        [*PLAIN, flagged("2026-03-02T10:05:00Z")], "2026-03-02T10:05:00Z"
    )
    raised = {one["target"]: triggers(one) for one in found(decisions, "escalation.raised")}
    assert raised == {"t3": ["T20"], "engineering": ["T20"]}
    assert (snapshot["priority"], snapshot["tier"]) == ("P2", 3)


def test_a_flag_that_is_set_already_is_set_once(simulate: Simulate) -> None:
    once, _ = simulate([*PLAIN, flagged("2026-03-02T10:05:00Z")], "2026-03-02T10:07:00Z")
    again = [*PLAIN, flagged("2026-03-02T10:05:00Z"), flagged("2026-03-02T10:06:00Z")]
    twice, _ = simulate(again, "2026-03-02T10:07:00Z")
    assert twice == once


@pytest.mark.parametrize("act", [flagged, unflagged])
def test_a_flag_on_a_closed_case_is_refused(simulate: Simulate, act: Any) -> None:
    events = [*PLAIN, status("2026-03-02T10:05:00Z", "resolved"), act("2026-03-02T10:06:00Z")]
    decisions, _ = simulate(events, "2026-03-02T10:06:00Z")
    assert refusals(decisions) == ["ticket_not_open"]


def test_a_flag_that_the_policy_does_not_know_is_refused_with_those_it_knows(
    simulate: Simulate,
) -> None:
    decisions, _ = simulate(
        [*PLAIN, flagged("2026-03-02T10:05:00Z", "haste")], "2026-03-02T10:06:00Z"
    )
    (refused,) = found(decisions, "act.refused")
    assert refused["code"] == "not_permitted"
    assert "data_loss" in refused["allowed"]


def test_taking_a_flag_away_lowers_the_priority_and_not_the_tier(simulate: Simulate) -> None:
    events = [*PLAIN, flagged("2026-03-02T10:05:00Z"), unflagged("2026-03-02T10:10:00Z")]
    _, snapshot = simulate(events, "2026-03-02T10:10:00Z")
    assert (snapshot["priority"], snapshot["tier"]) == ("P3", 3)
    assert snapshot["flags"] == ["de_escalation_candidate"]


def test_taking_a_flag_away_needs_the_right(simulate: Simulate) -> None:
    events = [*PLAIN, flagged("2026-03-02T10:05:00Z")]
    events.append(unflagged("2026-03-02T10:10:00Z", role="t1_agent"))
    decisions, snapshot = simulate(events, "2026-03-02T10:10:00Z")
    assert refusals(decisions) == ["not_permitted"]
    assert "data_loss" in snapshot["flags"]


def test_a_list_without_a_flag_does_not_take_it_away(simulate: Simulate) -> None:
    events = [
        *PLAIN,
        updated("2026-03-02T10:05:00Z", flags=["data_loss", "unheard_of"]),
        updated("2026-03-02T10:06:00Z", flags=[]),
    ]
    _, snapshot = simulate(events, "2026-03-02T10:06:00Z")
    assert snapshot["flags"] == ["data_loss"]


def test_a_flag_may_tell_people_of_a_case_that_stays_where_it_is(simulate: Simulate) -> None:
    decisions, snapshot = simulate(
        [*PLAIN, flagged("2026-03-02T10:05:00Z", "press_or_public")], "2026-03-02T10:05:00Z"
    )
    assert snapshot["tier"] == 1
    assert {one["target"] for one in found(decisions, "escalation.raised")} == {
        "marketing",
        "legal",
    }
    assert [told(one) for one in found(decisions, "case.reclassified")] == [["escalation_manager"]]


@pytest.mark.parametrize(
    ("until", "asked_at"),
    [
        ("2026-03-02T10:50:00Z", "2026-03-02T10:50:00Z"),
        ("2026-03-03T10:50:00Z", "2026-03-02T11:00:00Z"),
        ("2026-03-02T10:31:00Z", "2026-03-02T10:35:00Z"),
    ],
    ids=["as long as asked", "no longer than a note would last", "no shorter than without"],
)
def test_whoever_has_taken_the_case_may_ask_for_silence(
    simulate: Simulate, until: str, asked_at: str
) -> None:
    events = [
        opened("2026-03-02T10:00:00Z", severity="S1", affected_users=20),
        acknowledged("2026-03-02T10:05:00Z", role="t3_oncall"),
        snoozed("2026-03-02T10:30:00Z", until, role="t3_oncall"),
    ]
    decisions, _ = simulate(events, "2026-03-02T11:30:00Z")
    assert [one["at"] for one in decisions if triggers(one) == ["T19"]][:1] == [asked_at]


@pytest.mark.parametrize(
    ("events", "act", "code"),
    [
        (PLAIN, snoozed("2026-03-02T10:30:00Z", "2026-03-02T11:00:00Z"), "no_open_escalation"),
        (URGENT[:2], snoozed("2026-03-02T10:30:00Z", "2026-03-02T11:00:00Z"), "no_open_escalation"),
        (
            URGENT,
            snoozed("2026-03-02T10:30:00Z", "2026-03-02T11:00:00Z", role="t1_agent"),
            "not_permitted",
        ),
        (
            [*URGENT, status("2026-03-02T10:20:00Z", "resolved")],
            snoozed("2026-03-02T10:30:00Z", "2026-03-02T11:00:00Z"),
            "ticket_not_open",
        ),
    ],
    ids=["nothing is open", "nobody has taken it", "by somebody else", "closed"],
)
def test_silence_is_refused_where(
    simulate: Simulate, events: list[TicketEvent], act: TicketEvent, code: str
) -> None:
    decisions, _ = simulate([*events, act], "2026-03-02T10:30:00Z")
    assert refusals(decisions) == [code]


def test_a_better_plan_holds_at_once_and_a_worse_one_never(simulate: Simulate) -> None:
    def due(*changes: TicketEvent) -> str:
        first = opened("2026-03-02T10:00:00Z", plan="premium")
        snapshot = simulate([first, *changes], "2026-03-02T10:30:00Z")[1]
        (one,) = [one for one in snapshot["timers"] if one["name"] == "first_response"]
        return str(one["due"])

    better = updated("2026-03-02T10:00:00Z", customer={"plan": "enterprise"})
    worse = updated("2026-03-02T10:00:00Z", customer={"plan": "standard"})
    assert (due(better), due(worse), due()) == (
        "2026-03-02T12:00:00Z",
        "2026-03-02T14:00:00Z",
        "2026-03-02T14:00:00Z",
    )


def test_another_region_is_another_calendar(simulate: Simulate) -> None:
    moved = updated("2026-03-02T10:30:00Z", customer={"region": "amer"})
    _, snapshot = simulate([opened("2026-03-02T10:00:00Z"), moved], "2026-03-02T11:00:00Z")
    (first,) = [one for one in snapshot["timers"] if one["name"] == "first_response"]
    assert (first["calendar"], first["used_s"]) == ("amer", 1800)
    assert first["due"] == "2026-03-02T15:30:00Z", "New York opens at 14:00"


@pytest.mark.parametrize(
    ("counts", "band"),
    [
        ({"affected_orgs": 3}, "I3"),
        ({"affected_share": 0.2}, "I4"),
        ({"affected_share": 0.04995}, "I2"),
        ({"org_wide": True}, "I3"),
    ],
)
def test_any_one_count_widens_the_impact(
    simulate: Simulate, counts: dict[str, Any], band: str
) -> None:
    _, snapshot = simulate(
        [*PLAIN, updated("2026-03-02T10:05:00Z", **counts)], "2026-03-02T10:05:00Z"
    )
    assert snapshot["cell"]["impact"] == band


@pytest.mark.parametrize(
    ("act", "band"),
    [
        ({"by": "lea", "role": "t1_lead", "reason": "counted", "evidence": "list"}, "I1"),
        ({"by": "lea", "role": "t1_lead", "reason": "counted"}, "I3"),
        ({"by": "olga", "role": "t1_agent", "reason": "counted", "evidence": "list"}, "I3"),
        ({}, "I3"),
    ],
)
def test_a_lower_count_lowers_the_impact_only_with_right_reason_and_evidence(
    simulate: Simulate, act: dict[str, str], band: str
) -> None:
    events = [opened("2026-03-02T10:00:00Z", affected_users=20)]
    events.append(updated("2026-03-02T10:05:00Z", affected_users=1, **act))
    decisions, snapshot = simulate(events, "2026-03-02T10:05:00Z")
    assert snapshot["cell"]["impact"] == band
    assert refusals(decisions) == []


def test_an_opening_that_is_sent_again_changes_what_differs(simulate: Simulate) -> None:
    again = opened("2026-03-02T10:05:00Z", owner="eva", affected_users=20)
    decisions, snapshot = simulate([*PLAIN, again], "2026-03-02T10:05:00Z")
    assert len(found(decisions, "case.opened")) == 1
    assert (snapshot["owner"], snapshot["cell"]["impact"]) == ("eva", "I3")


def test_a_fact_that_is_emptied_is_forgotten(simulate: Simulate) -> None:
    _, snapshot = simulate(
        [*PLAIN, updated("2026-03-02T10:05:00Z", owner=None)], "2026-03-02T10:05:00Z"
    )
    assert snapshot["owner"] is None
