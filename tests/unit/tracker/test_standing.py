"""How a ticket stands, held against the engine that decides on it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.escalator.core.simulation import Simulation
from services.tracker.core.message import Message
from services.tracker.core.standing import Standing, standing
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, instant, parse_instant, rfc3339
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from tests.support.ticket_events import (
    acknowledged,
    an_event,
    opened,
    replied,
    status,
    updated,
    wrote,
)
from tests.support.tracker_messages import a_decision, heard, message_of, projected
from tests.support.tracker_stream import decision_said

START = parse_instant("2026-03-02T10:00:00Z")
POLICIES = PolicyTimeline([(Instant(0), load_policy_file(DEFAULT_POLICY))])
STEPS = {
    "reply": lambda at: [replied(at)],
    "message": lambda at: [wrote(at)],
    "question": lambda at: [replied(at, asks_customer=True), status(at, "waiting_customer")],
    "pause without a question": lambda at: [status(at, "waiting_customer")],
    "hold without a date": lambda at: [status(at, "scheduled_hold")],
    "inside": lambda at: [status(at, "waiting_internal")],
    "vendor": lambda at: [status(at, "waiting_vendor")],
    "resolved": lambda at: [status(at, "resolved")],
    "closed": lambda at: [status(at, "closed")],
    "open": lambda at: [status(at, "open")],
    "worse": lambda at: [updated(at, severity="S1")],
    "wider": lambda at: [updated(at, affected_users=80)],
    "owner": lambda at: [updated(at, owner="paul")],
    "nobody's": lambda at: [updated(at, owner=None)],
    "taken": lambda at: [acknowledged(at, role="t2_oncall")],
    "taken by the wrong role": lambda at: [acknowledged(at, role="passer_by")],
}


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[TicketEvent], Instant]:
    """A ticket's events in order, and a time after them."""
    at = START
    severity = draw(st.sampled_from(["S1", "S2", "S3", "S4"]))
    users = draw(st.sampled_from([1, 5, 60]))
    plan = draw(st.sampled_from(["standard", "enterprise"]))
    events = [opened(rfc3339(at), severity=severity, affected_users=users, plan=plan)]
    ended = False
    for _ in range(draw(st.integers(0, 8))):
        at = Instant(at + draw(st.sampled_from([61, 907, 3613, 7243, 43201])))
        # Reopening straight into a pause is for the engine's own tests.
        pauses = {"question", "pause without a question", "hold without a date"}
        steps = sorted(STEPS.keys() - pauses) if ended else sorted(STEPS)
        step = draw(st.sampled_from(steps))
        ended = ended or step in {"resolved", "closed"}
        events += STEPS[step](rfc3339(at))
    return events, Instant(at + draw(st.sampled_from([0, 600, 7200, 90_000])))


def told(events: list[TicketEvent], until: Instant) -> tuple[dict[str, Any], list[Message]]:
    """Return how the engine says that the ticket stands, and what the tracker hears."""
    simulation = Simulation(POLICIES)
    decisions = list(simulation.run(events, until))
    (snapshot,) = simulation.snapshots()
    return snapshot, [*heard(*events), *(message_of(decision_said(one)) for one in decisions)]


@settings(max_examples=60, deadline=None)
@given(story=stories())
def test_it_stands_as_the_engine_says(story: tuple[list[TicketEvent], Instant]) -> None:
    snapshot, messages = told(*story)
    row = projected(messages)
    stands = standing(row.facts, row.case)
    assert row.case.missing == 0
    assert {
        "version": row.case.version,
        "status": stands.status,
        "tier": row.case.state["tier"],
        "priority": row.case.state["priority"],
        "owner": stands.owner,
        "escalations": [
            (one["escalation_id"], one["target"], one.get("acknowledged_by"))
            for one in stands.escalations
        ],
    } == {
        **{name: snapshot[name] for name in ("version", "status", "tier", "priority", "owner")},
        "escalations": [
            (one["escalation_id"], one["target"], one["acknowledged_by"])
            for one in snapshot["escalations"]
        ],
    }


@settings(max_examples=60, deadline=None)
@given(story=stories())
def test_its_clocks_stand_as_the_engine_says(story: tuple[list[TicketEvent], Instant]) -> None:
    snapshot, messages = told(*story)
    row = projected(messages)
    assert {
        clock.name: (
            clock.state,
            clock.due and rfc3339(instant(clock.due)),
            clock.calendar,
            clock.allowance_s,
        )
        for clock in standing(row.facts, row.case).clocks
    } == {
        timer["name"]: (timer["state"], timer["due"], timer["calendar"], timer["allowance_s"])
        for timer in snapshot["timers"]
    }


OPENED = opened("2026-03-02T10:00:00Z")
QUESTION = [
    replied("2026-03-02T10:30:00Z", asks_customer=True),
    status("2026-03-02T10:30:00Z", "waiting_customer"),
]


def stands(*events: TicketEvent, until: str = "2026-03-02T11:00:00Z") -> Standing:
    _, messages = told(list(events), parse_instant(until))
    row = projected(messages)
    return standing(row.facts, row.case)


def test_the_first_breach_is_the_promise_due_next() -> None:
    breach = stands(OPENED).breach
    assert breach is not None
    assert breach.what == "first_response"


def test_a_broken_first_response_is_owed_until_somebody_replies() -> None:
    overdue = stands(OPENED, until="2026-03-02T18:00:00Z").breach
    assert overdue is not None
    assert overdue.what == "first_response"
    answered = stands(OPENED, replied("2026-03-02T17:00:00Z"), until="2026-03-02T18:00:00Z").breach
    assert answered is not None
    assert answered.what != "first_response"


def test_while_the_customer_is_asked_nothing_of_ours_is_due() -> None:
    asked = stands(OPENED, *QUESTION)
    assert asked.status == "waiting_customer"
    assert asked.breach is None
    assert {clock.state for clock in asked.clocks} == {"met", "paused"}


def test_after_a_pause_a_deadline_is_later_by_what_it_took() -> None:
    before = {clock.name: clock.due for clock in stands(OPENED).clocks}["resolve"]
    again = stands(OPENED, *QUESTION, wrote("2026-03-02T10:50:00Z"))
    assert again.status == "open"
    after = {clock.name: clock.due for clock in again.clocks}["resolve"]
    assert before is not None
    assert after == before + timedelta(minutes=20)


def test_the_wait_of_a_customer_for_an_answer_is_due() -> None:
    reply, message = replied("2026-03-02T10:10:00Z"), wrote("2026-03-02T10:20:00Z")
    waiting = stands(OPENED, reply, message)
    assert "next_response" in {one.what for one in waiting.upcoming}
    answered = stands(OPENED, reply, message, replied("2026-03-02T10:30:00Z"))
    assert "next_response" not in {one.what for one in answered.upcoming}


def test_what_is_due_next_may_be_the_end_of_the_stay_in_the_tier() -> None:
    following = stands(OPENED, replied("2026-03-02T10:10:00Z")).upcoming[0]
    assert following.what == "tier_dwell"


def test_what_is_due_next_may_be_an_answer_of_those_who_were_called() -> None:
    p1 = opened("2026-03-02T10:00:00Z", severity="S1", affected_users=500)
    following = stands(p1, replied("2026-03-02T10:01:00Z"), until="2026-03-02T10:02:00Z").upcoming[
        0
    ]
    assert (following.what, following.target) == ("answer", "t3")


def test_in_another_tier_another_stay_begins() -> None:
    moved = stands(OPENED, replied("2026-03-02T10:10:00Z"), until="2026-03-03T12:00:00Z")
    (stay,) = [clock for clock in moved.clocks if clock.name == "tier_dwell"]
    assert stay.state == "running"


def test_a_refused_pause_changes_no_status() -> None:
    assert stands(OPENED, status("2026-03-02T10:30:00Z", "waiting_customer")).status == "new"


def test_a_customer_waits_from_his_message_until_a_public_reply() -> None:
    reply, message = replied("2026-03-02T10:10:00Z"), wrote("2026-03-02T10:20:00Z")
    waiting = stands(OPENED, reply, message).customer_waits_since
    assert waiting is not None
    assert rfc3339(instant(waiting)) == "2026-03-02T10:20:00Z"
    answered = stands(OPENED, reply, message, replied("2026-03-02T10:30:00Z"))
    assert answered.customer_waits_since is None


def test_nobody_waits_on_a_case_that_has_ended() -> None:
    ended = stands(OPENED, wrote("2026-03-02T10:20:00Z"), status("2026-03-02T10:30:00Z", "closed"))
    assert not ended.is_open
    assert (ended.customer_waits_since, ended.breach, ended.upcoming) == (None, None, ())
    assert ended.escalations == ()


def test_nothing_is_owed_any_more_on_a_case_that_has_ended_whatever_was_broken() -> None:
    ended = stands(OPENED, status("2026-03-09T10:30:00Z", "resolved"), until="2026-03-10T10:00:00Z")
    assert {clock.state for clock in ended.clocks} == {"breached"}
    assert ended.breach is None


def test_what_is_merged_stays_merged_whatever_the_helpdesk_closes_until_it_is_undone() -> None:
    merged = an_event("ticket.merged", "2026-03-02T10:30:00Z", into="desk:B")
    closed = status("2026-03-02T10:31:00Z", "closed")
    undone = an_event("ticket.unmerged", "2026-03-02T10:40:00Z")
    row = projected(heard(OPENED, status("2026-03-02T10:05:00Z", "open"), merged, closed))
    assert standing(row.facts, row.case).status == "merged"
    row = projected(heard(OPENED, status("2026-03-02T10:05:00Z", "open"), merged, closed, undone))
    assert standing(row.facts, row.case).status == "open"


def test_any_decision_may_say_how_the_clocks_stand() -> None:
    listed = {
        "name": "customer_update",
        "due": "2026-03-02T12:00:00Z",
        "calendar": "emea",
        "state": "running",
        "used_s": 60,
        "allowance_s": 3600,
    }
    row = projected([*heard(OPENED), a_decision(1, timers=[listed])])
    (clock,) = standing(row.facts, row.case).clocks
    assert (clock.name, clock.state, clock.allowance_s) == ("customer_update", "running", 3600)


@pytest.mark.parametrize("vip", [True, False])
def test_flags_are_those_that_hold(*, vip: bool) -> None:
    row = projected(
        heard(
            opened("2026-03-02T10:00:00Z", vip=vip, flags=["data_loss", "security_suspected"]),
            an_event("case.unflagged", "2026-03-02T10:05:00Z", flag="data_loss", by="olga"),
        )
    )
    expected = ("security_suspected", "vip") if vip else ("security_suspected",)
    assert standing(row.facts, row.case).flags == expected
