"""What each trigger does at its share or its count, where no hard case shows it (Triggers)."""

from __future__ import annotations

from typing import Any

import pytest

from services.escalator.core.simulation import Simulation
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, parse_instant
from shared.policy.document import PolicyTimeline
from shared.policy.load import edited
from tests.support.ticket_events import opened, replied, status, wrote
from tests.support.ticket_lives import POLICY
from tests.unit.escalator.conftest import Simulate, found, told, triggers


def again(n: int) -> list[TicketEvent]:
    """Resolved, and back within the hour, on the *n*-th day of the week."""
    return [
        status(f"2026-03-0{n}T09:00:00Z", "resolved"),
        wrote(f"2026-03-0{n}T09:30:00Z"),
        replied(f"2026-03-0{n}T09:31:00Z"),
    ]


@pytest.mark.parametrize(
    ("times", "trigger", "tier", "people"),
    [
        (1, "T12", 1, ["owner", "t1_queue"]),
        (2, "T13", 2, ["t2_queue", "t2_lead"]),
        (3, "T14", 3, ["t3_queue", "escalation_manager"]),
        (4, "T14", 3, ["t3_queue", "escalation_manager"]),
    ],
)
def test_a_case_that_comes_back_again_and_again_goes_higher_each_time(
    simulate: Simulate, times: int, trigger: str, tier: int, people: list[str]
) -> None:
    events = [opened("2026-03-02T08:00:00Z"), replied("2026-03-02T08:05:00Z")]
    for n in range(times):
        events += again(2 + n)
    decisions, snapshot = simulate(events, f"2026-03-0{1 + times}T09:31:00Z")
    last = found(decisions, "escalation.raised")[-1]
    assert (triggers(last), told(last)) == ([trigger], people)
    assert snapshot["tier"] == tier


def patient(events: list[TicketEvent], until: str) -> list[dict[str, Any]]:
    """What is decided under a policy that lets a P3 stay in tier 1 for as long as it likes."""
    policy = edited(POLICY, {"cells.S3.I1.t1_max": "200h"})
    run = Simulation(PolicyTimeline([(Instant(0), policy)])).run(events, parse_instant(until))
    return [{**one.data, "type": one.type} for one in run]


@pytest.mark.parametrize(
    ("at", "trigger", "kind", "people"),
    [
        ("2026-03-02T16:00:00Z", "T08", "timer.warned", ["owner"]),
        ("2026-03-03T12:00:00Z", "T09", "escalation.raised", ["t2_queue", "t2_lead"]),
        ("2026-03-03T14:24:00Z", "T10", "escalation.raised", ["t2_lead"]),
        (
            "2026-03-03T16:00:00Z",
            "T11",
            "escalation.raised",
            ["t3_queue", "t3_lead", "escalation_manager"],
        ),
    ],
)
def test_as_the_resolution_runs_out_more_people_hear_of_it(
    at: str, trigger: str, kind: str, people: list[str]
) -> None:
    """Enterprise has promised two working days; nothing else ends its stay in tier 1."""
    events = [opened("2026-03-02T08:00:00Z"), replied("2026-03-02T08:00:00Z")]
    decisions = patient(events, at)
    (one,) = [d for d in decisions if d["at"] == at and d["type"] == kind and told(d)]
    assert trigger in triggers(one)
    assert told(one) == people
