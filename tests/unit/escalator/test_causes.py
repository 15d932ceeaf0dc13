"""Each decision names the event that led to it; what time led to names none."""

from __future__ import annotations

from typing import Any

from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import Decision, encode_decision
from shared.contract.decisions import decode_decision
from shared.contract.events import TicketEvent
from shared.contract.times import parse_instant
from shared.policy.document import PolicyTimeline
from tests.support.ticket_events import acknowledged, opened, replied

OPENED = opened("2026-03-02T10:00:00Z", severity="S2", affected_users=30)


def decided(policies: PolicyTimeline, events: list[TicketEvent], until: str) -> list[Decision]:
    """Return all decisions up to *until*."""
    return list(Simulation(policies).run(events, parse_instant(until)))


def test_an_event_and_time_are_told_apart(policies: PolicyTimeline) -> None:
    taken = acknowledged("2026-03-02T10:20:00Z", role="t2_oncall")
    found = decided(policies, [OPENED, taken], "2026-03-02T16:00:00Z")
    causes = {one.type: one.cause for one in found}
    assert causes["case.opened"] == OPENED.id
    assert causes["escalation.acknowledged"] == taken.id
    # Nobody has replied to the customer.
    assert [one.cause for one in found if one.type == "timer.breached"] == [None]
    assert {one.cause for one in found} == {OPENED.id, taken.id, None}


def test_what_was_due_before_an_event_is_not_caused_by_it(policies: PolicyTimeline) -> None:
    late_in_the_day = replied("2026-03-02T16:00:00Z")
    # Nothing lets time pass between the two: the second finds the timers due.
    found = decided(policies, [OPENED, late_in_the_day], "2026-03-02T16:00:00Z")
    before = [one for one in found if one.at < parse_instant("2026-03-02T16:00:00Z")]
    assert {one.cause for one in before} == {OPENED.id, None}


def test_what_comes_late_causes_what_it_takes_back(policies: PolicyTimeline) -> None:
    in_time = replied("2026-03-02T10:10:00Z", received="2026-03-02T11:00:30Z")
    found = decided(policies, [OPENED, in_time], "2026-03-02T11:00:31Z")
    kept = [(one.type, one.cause) for one in found if one.type in ("timer.breached", "timer.met")]
    assert kept == [("timer.breached", None), ("timer.met", in_time.id)]
    assert ("escalation.ended", in_time.id) in [(one.type, one.cause) for one in found]


def test_a_refused_act_causes_its_refusal(policies: PolicyTimeline) -> None:
    wrong = acknowledged("2026-03-02T10:01:00Z", role="passer_by")
    found = decided(policies, [OPENED, wrong], "2026-03-02T10:02:00Z")
    (refused,) = [one for one in found if one.type == "act.refused"]
    assert refused.cause == wrong.id
    assert decode_decision(encode_decision(refused)).causationid == wrong.id


def test_what_a_ticket_causes_in_its_group_has_the_same_cause(policies: PolicyTimeline) -> None:
    alike: dict[str, Any] = {
        "service": "billing",
        "component": "api",
        "symptom": "500",
        "severity": "S2",
    }
    crowd = [
        opened(
            f"2026-03-02T10:00:{n:02d}Z", ticket=f"G{n}", requester=f"user{n}", affected_users=5,
            customer={"id": f"org{n}"}, **alike,
        )
        for n in range(12)
    ]  # fmt: skip
    found = decided(policies, crowd, "2026-03-02T10:00:30Z")
    (group,) = [one for one in found if one.type == "group.opened"]
    assert group.cause in {one.id for one in crowd}
    raised = [one for one in found if one.ticket == group.ticket and one.cause]
    assert {one.cause for one in raised} <= {one.id for one in crowd}
