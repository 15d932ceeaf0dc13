"""Work is passed back and on, and too much of that is noticed (Returns and hops)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contract.events import TicketEvent
from tests.support.ticket_events import acknowledged, an_event, opened, replied
from tests.support.ticket_lives import FORMS
from tests.unit.escalator.conftest import Simulate, found, told, triggers


def returned(at: str, *, role: str = "t2_specialist", **data: Any) -> TicketEvent:
    given = {"by": "tom", "role": role, "reason_code": "wrong_team", "info": FORMS["return"]}
    return an_event("escalation.returned", at, **(given | data))


def handed(at: str, to: str | None = "eva") -> TicketEvent:
    return an_event("escalation.handed_over", at, by="tom", role="t2_specialist", to=to)


def requested(at: str, **data: Any) -> TicketEvent:
    given = {"by": "olga", "role": "t1_agent", "info": FORMS["t1_to_t2"]}
    return an_event("escalation.requested", at, **(given | data))


RAISED = [
    opened("2026-03-02T08:00:00Z"),
    replied("2026-03-02T08:00:00Z"),
    requested("2026-03-02T08:30:00Z"),
]


def dwell(snapshot: dict[str, Any]) -> dict[str, Any]:
    (one,) = [one for one in snapshot["timers"] if one["name"] == "tier_dwell"]
    return dict(one)


def test_a_return_ends_the_escalation_and_gives_the_sender_a_time_to_put_it_right(
    simulate: Simulate,
) -> None:
    decisions, snapshot = simulate(
        [*RAISED, returned("2026-03-02T08:40:00Z")], "2026-03-02T08:41:00Z"
    )
    (ended,) = found(decisions, "escalation.ended")
    assert (ended["reason"], ended["detail"], ended["by"]) == ("returned", "wrong_team", "tom")
    assert (snapshot["tier"], snapshot["escalations"]) == (1, [])
    assert dwell(snapshot)["due"] == "2026-03-02T12:40:00Z", "P3 has four hours"
    (resolve,) = [one for one in snapshot["timers"] if one["name"] == "resolve"]
    assert (resolve["state"], resolve["used_s"]) == ("running", 41 * 60)


def test_a_case_that_is_not_put_right_in_time_goes_up_again_by_t06(simulate: Simulate) -> None:
    decisions, _ = simulate([*RAISED, returned("2026-03-02T08:40:00Z")], "2026-03-02T12:40:00Z")
    last = found(decisions, "escalation.raised")[-1]
    assert (last["at"], last["target"]) == ("2026-03-02T12:40:00Z", "t2")
    assert "T06" in triggers(last)


def test_a_second_return_moves_nothing_and_calls_the_lead_of_that_tier(simulate: Simulate) -> None:
    events = [*RAISED, returned("2026-03-02T08:40:00Z"), requested("2026-03-02T08:50:00Z")]
    events.append(returned("2026-03-02T09:00:00Z"))
    decisions, snapshot = simulate(events, "2026-03-02T09:00:00Z")
    last = found(decisions, "escalation.raised")[-1]
    assert (last["track"], last["target"], triggers(last)) == (
        "hierarchical",
        "t2_lead",
        ["return"],
    )
    assert last["ack_due"] == "2026-03-02T10:00:00Z"
    assert snapshot["tier"] == 2
    assert snapshot["counters"]["returns"] == 2


@pytest.mark.parametrize(("in_tier", "ended"), [(2, []), (1, ["superseded"])])
def test_a_second_return_joins_a_lead_who_is_called_and_replaces_a_lower_one(
    simulate: Simulate, in_tier: int, ended: list[str]
) -> None:
    lead = requested("2026-03-02T08:55:00Z", track="hierarchical", by="tom", role="t2_specialist")
    lower = requested("2026-03-02T08:20:00Z", track="hierarchical")
    first = [*RAISED[:2], *([lower] if in_tier == 1 else []), RAISED[2]]
    events = [
        *first,
        returned("2026-03-02T08:40:00Z"),
        requested("2026-03-02T08:50:00Z"),
        *([lead] if in_tier == 2 else []),
        returned("2026-03-02T09:00:00Z"),
    ]
    decisions, _ = simulate(events, "2026-03-02T09:00:00Z")
    assert [
        one["reason"] for one in found(decisions, "escalation.ended", track="hierarchical")
    ] == ended
    spoken = [
        one
        for one in decisions
        if one.get("track") == "hierarchical" and triggers(one)[:1] == ["return"]
    ]
    assert [told(one) for one in spoken if one["type"] != "escalation.ended"] == [["t2_lead"]]


@pytest.mark.parametrize(
    ("act", "code", "missing"),
    [
        (returned("2026-03-02T08:40:00Z", role="t1_agent"), "not_permitted", []),
        (
            returned("2026-03-02T08:40:00Z", reason_code="no_time"),
            "missing_information",
            ["reason_code"],
        ),
        (
            returned("2026-03-02T08:40:00Z", info={}),
            "missing_information",
            ["what_is_missing_or_wrong", "suggested_path"],
        ),
    ],
    ids=["who did not receive it", "for no reason of the policy", "without the form"],
)
def test_a_return_is_refused_to(
    simulate: Simulate, act: TicketEvent, code: str, missing: list[str]
) -> None:
    decisions, snapshot = simulate([*RAISED, act], "2026-03-02T08:41:00Z")
    (refused,) = found(decisions, "act.refused")
    assert (refused["code"], refused["missing"]) == (code, missing)
    assert (snapshot["tier"], snapshot["counters"]["returns"]) == (2, 0)


def test_three_hops_without_progress_call_somebody_with_authority_by_t15(
    simulate: Simulate,
) -> None:
    hops = [handed(f"2026-03-02T08:4{n}:00Z", to=f"agent {n}") for n in range(3)]
    decisions, snapshot = simulate([*RAISED, *hops], "2026-03-02T08:42:00Z")
    (raised,) = [one for one in decisions if triggers(one) == ["T15"]]
    assert (raised["at"], raised["target"]) == ("2026-03-02T08:42:00Z", "t2_lead")
    assert (snapshot["owner"], snapshot["tier"]) == ("agent 2", 2)


def test_a_progress_note_begins_the_count_of_hops_anew(simulate: Simulate) -> None:
    note = an_event(
        "ticket.message",
        "2026-03-02T08:41:30Z",
        author="agent",
        note_kind="progress",
        role="t2_specialist",
    )
    hops = [handed(f"2026-03-02T08:4{n}:00Z", to=f"agent {n}") for n in range(4)]
    decisions, snapshot = simulate([*RAISED, *hops[:2], note, *hops[2:]], "2026-03-02T08:43:00Z")
    assert [one for one in decisions if triggers(one) == ["T15"]] == []
    assert snapshot["counters"]["hops"] == 4


def test_a_return_and_a_way_up_again_are_one_hop_each_time(simulate: Simulate) -> None:
    events = [*RAISED, returned("2026-03-02T08:40:00Z"), requested("2026-03-02T08:50:00Z")]
    events += [acknowledged("2026-03-02T08:55:00Z"), handed("2026-03-02T08:56:00Z")]
    _, snapshot = simulate(events, "2026-03-02T09:00:00Z")
    assert snapshot["counters"]["hops"] == 2


def test_a_hand_over_to_nobody_is_refused(simulate: Simulate) -> None:
    decisions, snapshot = simulate(
        [*RAISED, handed("2026-03-02T08:40:00Z", to=None)], "2026-03-02T08:40:00Z"
    )
    (refused,) = found(decisions, "act.refused")
    assert (refused["code"], refused["missing"]) == ("missing_information", ["to"])
    assert snapshot["owner"] == "olga"
