"""Many tickets of one cause: they become a group, and leave it (Groups)."""

from __future__ import annotations

from typing import Any

import pytest

from services.escalator.core.simulation import Simulation
from shared.contract.events import TicketEvent
from shared.contract.times import parse_instant
from shared.policy.document import PolicyTimeline
from tests.support.ticket_events import an_event, opened, replied, status, updated, wrote
from tests.support.ticket_lives import FORMS
from tests.unit.escalator.conftest import found

GROUP = "group:shop/checkout/E42/emea/1"


def member(n: int, *, minute: int = 0, **data: Any) -> TicketEvent:
    """Ticket M*n* of a requester of its own."""
    facts = {
        "ticket": f"M{n}",
        "requester": f"user{n}",
        "service": "shop",
        "component": "checkout",
        "symptom": "E42",
    }
    return opened(f"2026-03-02T10:{minute:02}:{n:02}Z", **(facts | data))


def of_group(event: TicketEvent) -> TicketEvent:
    """The same said of the group rather than of a ticket."""
    source, _, subject = GROUP.partition(":")
    return event.model_copy(update={"source": source, "subject": subject})


def lived(
    policies: PolicyTimeline, events: list[TicketEvent], until: str
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the decisions, flat, and the snapshots by ticket."""
    simulation = Simulation(policies)
    decided = [{**d.data, "type": d.type} for d in simulation.run(events, parse_instant(until))]
    return decided, {one["ticket"]: one for one in simulation.snapshots()}


TEN = [member(n) for n in range(10)]


def test_five_requesters_are_proposed_as_a_group_and_ten_are_one(policies: PolicyTimeline) -> None:
    decisions, snapshots = lived(policies, TEN, "2026-03-02T10:00:09Z")
    (proposed,) = found(decisions, "group.proposed")
    assert (proposed["at"], proposed["members"]) == ("2026-03-02T10:00:04Z", 5)
    (begun,) = found(decisions, "group.opened")
    assert (begun["at"], begun["ticket"]) == ("2026-03-02T10:00:09Z", GROUP)
    assert {one["ticket"] for one in found(decisions, "group.joined")} == {
        f"desk:M{n}" for n in range(10)
    }
    assert snapshots[GROUP]["members"] == 10


def test_one_requester_with_ten_tickets_is_no_group(policies: PolicyTimeline) -> None:
    events = [member(n, requester="ann") for n in range(10)]
    decisions, _ = lived(policies, events, "2026-03-02T10:00:09Z")
    assert [one for one in decisions if one["type"].startswith("group.")] == []


def test_tickets_further_apart_than_the_window_are_no_group(policies: PolicyTimeline) -> None:
    events = [member(n, minute=n * 4) for n in range(10)]
    decisions, _ = lived(policies, events, "2026-03-02T10:59:00Z")
    assert [one for one in decisions if one["type"].startswith("group.")] == []


def test_a_ticket_that_is_resolved_in_time_counts_no_more(policies: PolicyTimeline) -> None:
    events = [*TEN[:9], status("2026-03-02T10:00:09Z", "resolved", ticket="M0"), member(10)]
    decisions, _ = lived(policies, events, "2026-03-02T10:00:10Z")
    assert found(decisions, "group.opened") == []


def test_a_flag_keeps_a_ticket_out(policies: PolicyTimeline) -> None:
    events = [*TEN[:9], member(9, flags=["data_loss"])]
    decisions, _ = lived(policies, events, "2026-03-02T10:00:09Z")
    assert found(decisions, "group.opened") == []


@pytest.mark.parametrize(
    "change",
    [
        updated("2026-03-02T10:01:00Z", ticket="M3", symptom="E7"),
        an_event(
            "case.flagged",
            "2026-03-02T10:01:00Z",
            ticket="M3",
            flag="data_loss",
            by="olga",
            role="t1_agent",
        ),
    ],
    ids=["another symptom", "a flag that stays alone"],
)
def test_a_member_that_fits_no_more_leaves_and_is_a_case_of_its_own(
    policies: PolicyTimeline, change: TicketEvent
) -> None:
    decisions, snapshots = lived(policies, [*TEN, change], "2026-03-02T10:01:00Z")
    (left,) = found(decisions, "group.left")
    assert (left["ticket"], left["group_id"]) == ("desk:M3", GROUP)
    assert snapshots["desk:M3"]["group"] is None
    assert (snapshots[GROUP]["members"], snapshots[GROUP]["taken_out"]) == (9, 1)
    names = [one["name"] for one in snapshots["desk:M3"]["timers"]]
    assert "tier_dwell" in names or snapshots["desk:M3"]["tier"] == 3


def test_one_who_left_gets_a_stay_of_its_own_again(policies: PolicyTimeline) -> None:
    change = updated("2026-03-02T10:01:00Z", ticket="M3", symptom="E7")
    _, snapshots = lived(policies, [*TEN, change], "2026-03-02T10:01:00Z")
    stays = {
        key: [one["due"] for one in snapshots[key]["timers"] if one["name"] == "tier_dwell"]
        for key in ("desk:M3", "desk:M4")
    }
    assert len(stays["desk:M3"]) == 1
    assert stays["desk:M4"] == [], "a member waits with its group"


def test_a_member_that_becomes_graver_makes_its_group_graver(policies: PolicyTimeline) -> None:
    events = [*TEN, updated("2026-03-02T10:01:00Z", ticket="M3", severity="S1")]
    decisions, snapshots = lived(policies, events, "2026-03-02T10:01:00Z")
    assert snapshots[GROUP]["cell"]["severity"] == "S1"
    assert {snapshots[f"desk:M{n}"]["priority"] for n in range(10)} == {"P1"}
    raised = found(decisions, "escalation.raised", at="2026-03-02T10:01:00Z")
    assert {one["ticket"] for one in raised} == {GROUP}


def test_a_later_ticket_joins_while_the_group_is_open(policies: PolicyTimeline) -> None:
    decisions, snapshots = lived(
        policies, [*TEN, member(1, minute=40, ticket="L", requester="lee")], "2026-03-02T10:41:00Z"
    )
    assert found(decisions, "group.joined", ticket="desk:L")
    assert snapshots[GROUP]["members"] == 11


def test_a_group_whose_last_member_closes_closes(policies: PolicyTimeline) -> None:
    done = [status(f"2026-03-02T10:1{n}:00Z", "resolved", ticket=f"M{n}") for n in range(10)]
    decisions, _ = lived(policies, [*TEN, *done[:9]], "2026-03-02T10:20:00Z")
    assert found(decisions, "group.closed") == []
    decisions, snapshots = lived(policies, [*TEN, *done], "2026-03-02T10:20:00Z")
    assert [one["at"] for one in found(decisions, "group.closed")] == ["2026-03-02T10:19:00Z"]
    assert snapshots[GROUP]["escalations"] == []


def test_a_member_that_comes_back_keeps_its_group_open(policies: PolicyTimeline) -> None:
    done = [status(f"2026-03-02T10:1{n}:00Z", "resolved", ticket=f"M{n}") for n in range(9)]
    back = wrote("2026-03-02T10:19:00Z", ticket="M0")
    last = status("2026-03-02T10:20:00Z", "resolved", ticket="M9")
    decisions, snapshots = lived(policies, [*TEN, *done, back, last], "2026-03-02T10:21:00Z")
    assert found(decisions, "group.closed") == []
    assert snapshots["desk:M0"]["group"] == GROUP


def test_a_resolved_group_resolves_its_members_and_one_that_answers_is_alone(
    policies: PolicyTimeline,
) -> None:
    resolved = of_group(status("2026-03-02T11:00:00Z", "resolved"))
    events = [*TEN, resolved, wrote("2026-03-02T11:10:00Z", ticket="M4")]
    decisions, snapshots = lived(policies, events, "2026-03-02T11:10:00Z")
    assert found(decisions, "group.closed")
    assert snapshots["desk:M1"]["status"] == "resolved"
    assert snapshots["desk:M4"]["status"] == "open"
    assert snapshots["desk:M4"]["group"] is None
    (raised,) = found(decisions, "escalation.raised", ticket="desk:M4")
    assert raised["because"]["triggers"] == ["T12"]


def test_after_a_group_the_same_fingerprint_makes_the_next_one(policies: PolicyTimeline) -> None:
    done = [status(f"2026-03-02T10:1{n}:00Z", "resolved", ticket=f"M{n}") for n in range(10)]
    again = [member(n, minute=40, ticket=f"N{n}", requester=f"other{n}") for n in range(10)]
    decisions, _ = lived(policies, [*TEN, *done, *again], "2026-03-02T10:41:00Z")
    assert [one["ticket"] for one in found(decisions, "group.opened")] == [
        GROUP,
        GROUP.removesuffix("1") + "2",
    ]


def test_an_act_on_a_member_acts_on_its_group(policies: PolicyTimeline) -> None:
    request = an_event(
        "escalation.requested",
        "2026-03-02T10:05:00Z",
        ticket="M3",
        by="olga",
        role="t1_agent",
        track="hierarchical",
    )
    decisions, _ = lived(policies, [*TEN, request], "2026-03-02T10:05:00Z")
    raised = found(decisions, "escalation.raised", at="2026-03-02T10:05:00Z")
    assert [(one["ticket"], one["track"]) for one in raised] == [(GROUP, "hierarchical")]


def test_a_raise_of_a_group_says_whose_tickets_it_is_about_and_how_often_account_managers_are_told(
    policies: PolicyTimeline,
) -> None:
    customers = [{"id": f"org{n % 2}", "plan": "enterprise", "region": "emea"} for n in range(10)]
    events = [member(n, severity="S2", customer=one) for n, one in enumerate(customers)]
    decisions, _ = lived(policies, events, "2026-03-02T10:01:00Z")
    (raised,) = [
        one
        for one in found(decisions, "escalation.raised", ticket=GROUP)
        if one["track"] == "functional"
    ]
    assert raised["digest"] == {
        "role": "account_manager",
        "about": GROUP,
        "every_s": 900,
        "customers": ["org0", "org1"],
    }
    assert {"role": "account_manager", "mode": "digest", "fyi": True} in raised["notify"]


def test_what_a_member_has_to_say_to_its_account_manager_goes_with_the_group_s(
    policies: PolicyTimeline,
) -> None:
    decisions, _ = lived(policies, TEN, "2026-03-05T10:00:00Z")
    digests = [one for one in decisions if one.get("digest") and one["ticket"].startswith("desk:")]
    assert digests
    for one in digests:
        assert (one["digest"]["about"], one["digest"]["customers"]) == (GROUP, ["acme"])


def test_a_member_keeps_its_own_conversation(policies: PolicyTimeline) -> None:
    events = [*TEN, replied("2026-03-02T10:05:00Z", ticket="M3")]
    decisions, _ = lived(policies, events, "2026-03-02T10:05:00Z")
    assert [one["ticket"] for one in found(decisions, "timer.met")] == ["desk:M3"]


def test_a_late_ticket_that_comes_after_its_group_began_joins_it(policies: PolicyTimeline) -> None:
    late = member(5, ticket="L", requester="lee", received="2026-03-02T10:30:00Z")
    decisions, snapshots = lived(policies, [*TEN, late], "2026-03-02T10:31:00Z")
    assert snapshots["desk:L"]["group"] == GROUP
    assert len(found(decisions, "group.opened")) >= 1


@pytest.mark.parametrize(
    "change",
    [
        [updated("2026-03-02T10:05:00Z", affected_users=50)],
        [
            an_event("case.flagged", "2026-03-02T10:05:00Z", flag="safety", by="o", role="t1_lead"),
            an_event(
                "case.unflagged", "2026-03-02T10:06:00Z", flag="safety", by="o", role="t1_lead"
            ),
        ],
    ],
    ids=["facts", "flags"],
)
def test_a_group_of_which_something_is_said_does_not_become_its_own_member(
    policies: PolicyTimeline, change: list[TicketEvent]
) -> None:
    done = [status(f"2026-03-02T10:1{n}:00Z", "resolved", ticket=f"M{n}") for n in range(10)]
    said = [of_group(one) for one in change]
    _, snapshots = lived(policies, [*TEN, *said], "2026-03-02T10:07:00Z")
    assert snapshots[GROUP]["members"] == 10
    decisions, _ = lived(policies, [*TEN, *said, *done], "2026-03-02T10:19:00Z")
    assert len(found(decisions, "group.closed")) == 1


def test_what_a_person_says_of_the_whole_group_is_not_forgotten_when_another_joins(
    policies: PolicyTimeline,
) -> None:
    said = of_group(updated("2026-03-02T10:05:00Z", affected_users=50))
    graver = member(1, minute=6, ticket="L", requester="lee", severity="S2")
    decisions, _ = lived(policies, [*TEN, said, graver], "2026-03-02T10:07:00Z")
    (changed,) = found(decisions, "case.reclassified", ticket=GROUP)
    assert changed["because"]["facts"]["affected_users"] == 50


def test_fewer_affected_than_there_are_requesters_are_as_many_as_requesters(
    policies: PolicyTimeline,
) -> None:
    lower = {"by": "lea", "role": "t1_lead", "reason": "counted", "evidence": "list"}
    said = of_group(updated("2026-03-02T10:05:00Z", affected_users=2, **lower))
    _, snapshots = lived(policies, [*TEN, said], "2026-03-02T10:07:00Z")
    assert snapshots[GROUP]["cell"]["impact"] == "I3"


@pytest.mark.parametrize(
    ("source", "priority"),
    [
        ({"severity": "S1", "affected_users": 20}, "P1"),
        ({"flags": ["data_loss"]}, None),
        ({}, "P3"),
    ],
    ids=["graver", "with a flag that stays alone", "only higher"],
)
def test_what_is_merged_into_a_member_raises_its_group_or_takes_it_out(
    policies: PolicyTimeline, source: dict[str, Any], priority: str | None
) -> None:
    other = opened("2026-03-02T10:00:30Z", ticket="B", requester="bob", **source)
    skip = an_event(
        "escalation.requested",
        "2026-03-02T10:01:00Z",
        ticket="B",
        by="olga",
        role="t1_agent",
        to_tier=3,
        approved_by={"by": "lea", "role": "t1_lead", "at": "2026-03-02T10:01:00Z"},
        info=FORMS["t2_to_t3"],
    )
    into = an_event("ticket.merged", "2026-03-02T10:02:00Z", ticket="B", into="desk:M3", by="olga")
    decisions, snapshots = lived(policies, [*TEN, other, skip, into], "2026-03-02T10:02:00Z")
    raised = found(decisions, "escalation.raised", at="2026-03-02T10:02:00Z", target="t3")
    grouped = priority is not None
    assert [one["ticket"] for one in raised] == [GROUP if grouped else "desk:M3"]
    assert snapshots[raised[0]["ticket"]]["tier"] == 3
    assert snapshots["desk:M3"]["group"] == (GROUP if grouped else None)
    if grouped:
        assert snapshots["desk:M3"]["escalations"] == []
        assert snapshots["desk:M3"]["priority"] == snapshots[GROUP]["priority"] == priority


def test_a_better_plan_of_a_member_is_the_group_s_as_if_it_had_joined_with_it(
    policies: PolicyTimeline,
) -> None:
    plain = [member(n, plan="standard") for n in range(10)]
    better = {"plan": "enterprise", "vip": True}
    change = updated("2026-03-02T10:05:00Z", ticket="M3", customer=better)
    _, before = lived(policies, plain, "2026-03-02T10:05:00Z")
    _, after = lived(policies, [*plain, change], "2026-03-02T10:05:00Z")
    (long,), (short,) = before[GROUP]["timers"], after[GROUP]["timers"]
    assert (long["allowance_s"], short["allowance_s"]) == (4 * 3600, 3600)
    assert "vip" in after[GROUP]["flags"]


def test_a_group_that_a_late_event_shows_never_to_have_been_is_closed_and_all_are_alone(
    policies: PolicyTimeline,
) -> None:
    late = updated(
        "2026-03-02T10:00:05Z", ticket="M3", symptom="E7", received="2026-03-02T10:30:00Z"
    )
    decisions, snapshots = lived(policies, [*TEN, late], "2026-03-02T10:30:00Z")
    assert [one["at"] for one in found(decisions, "group.closed")] == ["2026-03-02T10:30:00Z"]
    assert {one["group"] for one in snapshots.values()} == {None}
    assert len(found(decisions, "group.left")) == 10
