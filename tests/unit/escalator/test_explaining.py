"""What `explain` says is what the engine does: on the hard cases, and on random lives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import assume, given, settings

from services.escalator.core.explaining import explain, plan
from services.escalator.core.plan import FURTHEST
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import Decision
from shared.contract.events import TicketEvent
from shared.contract.explanations import Entry, Explanation, View
from shared.contract.times import Instant, as_datetime, instant, parse_instant
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from tests.cases.case_file import Run, runs
from tests.support.ticket_lives import end_of, lives
from tests.support.what_if import still_there, with_change

CASES = Path(__file__).parents[2] / "cases"
RUNS = {
    run.id: run
    for run in runs(CASES)
    if not run.policy and len({event.ticket for event in run.events}) == 1
}
FEW = settings(max_examples=max(1, settings().max_examples // 10))
"""An explanation takes as long as a hundred of what others try."""

KEY = "desk:A"
POLICIES = PolicyTimeline([(Instant(0), load_policy_file(DEFAULT_POLICY))])


def simulated(events: Sequence[TicketEvent], until: Instant) -> Simulation:
    """Return the engine after *events*, at *until*."""
    simulation = Simulation(POLICIES)
    list(simulation.run(events, until))
    return simulation


def explained(
    events: Sequence[TicketEvent], at: str, view: View = View.THEN, *, until: str | None = None
) -> Explanation:
    """Return what is said of ticket A at *at*, all *events* up to *until* having been heard."""
    history = simulated(events, parse_instant(until or at)).history(KEY)
    return explain(KEY, history, POLICIES, parse_instant(at), view)


@cache
def of_case(name: str) -> Explanation:
    run = RUNS[name]
    return explained(run.events, run.until)


def essence(one: Entry | Decision) -> tuple[object, ...]:
    """Return what an entry and a decision have in common."""
    if isinstance(one, Decision):
        because, told = one.data["because"], one.data.get("notify") or ()
        roles = tuple(entry["role"] for entry in told)
        return (as_datetime(one.at), one.type, tuple(because["arithmetic"]), roles)
    return (one.at, one.type, one.arithmetic, tuple(told.role for told in one.told))


def decided_next(events: Sequence[TicketEvent], at: Instant) -> list[Decision]:
    """Return what the engine decides after *at* where nothing more is heard."""
    end = Instant(at + FURTHEST)
    known = sum(1 for _ in Simulation(POLICIES).run(events, at))
    return list(Simulation(POLICIES).run(events, end))[known:]


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_the_plan_is_what_the_engine_decides_next(run: Run) -> None:
    at = parse_instant(run.until)
    comes = plan(KEY, simulated(run.events, at).history(KEY), POLICIES, at, View.THEN).next
    really = decided_next(run.events, at)
    assert [essence(one) for one in comes] == [essence(one) for one in really[: len(comes)]]
    assert len(comes) == min(10, len(really))


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_what_has_happened_is_what_the_engine_has_decided(run: Run) -> None:
    at = parse_instant(run.until)
    really = [essence(one) for one in Simulation(POLICIES).run(run.events, at)]
    happened = [one for one in of_case(run.id).happened if one.kind == "decision"]
    assert [essence(one) for one in happened] == really


@pytest.mark.parametrize("name", RUNS)
def test_every_prevention_prevents_and_one_second_later_it_does_not(name: str) -> None:
    events = RUNS[name].events
    for one in of_case(name).prevention:
        there = still_there(KEY, events, one, POLICIES)
        assert still_there(KEY, with_change(KEY, events, one), one, POLICIES) < there, one.text


@FEW
@given(events=lives(tickets=("A",), longest=9))
def test_whatever_a_ticket_lives_through_its_preventions_prevent(
    events: list[TicketEvent],
) -> None:
    at = end_of(events)
    said = explain(KEY, simulated(events, at).history(KEY), POLICIES, at, View.THEN)
    for one in said.prevention:
        there = still_there(KEY, events, one, POLICIES)
        assert still_there(KEY, with_change(KEY, events, one), one, POLICIES) < there, one.text


@FEW
@given(events=lives(tickets=("A",), longest=9))
def test_whatever_a_ticket_lives_through_its_plan_comes_true(events: list[TicketEvent]) -> None:
    at = instant(events[-1].time)
    history = simulated(events, at).history(KEY)
    comes = plan(KEY, history, POLICIES, at, View.THEN).next
    really = decided_next(events, at)
    assume(all(one.ticket == KEY for one in really))
    assert [essence(one) for one in comes] == [essence(one) for one in really[: len(comes)]]
