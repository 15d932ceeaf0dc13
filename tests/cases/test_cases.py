"""The hard cases of the policy, each once and with every event delivered twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json, to_json

from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.decisions import decode_decision
from shared.contract.times import Instant, parse_instant
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, edited, load_policy_file
from tests.cases.case_file import Run, runs
from tests.cases.matching import matches

RUNS = list(runs(Path(__file__).parent))
BOUNDS = ("since", "until", "exactly", "at_least", "at_most")


def versions(run: Run) -> Sequence[tuple[Instant, Policy]]:
    """Return the policies of *run*, and from when each is in force."""
    return _versions(to_json(run.policy))


@cache
def _versions(changes: bytes) -> Sequence[tuple[Instant, Policy]]:
    current = load_policy_file(DEFAULT_POLICY)
    found = [(Instant(0), current)]
    for change in from_json(changes):
        current = edited(current, {path: str(value) for path, value in change["set"].items()})
        found.append((parse_instant(change["at"]), current))
    return found


def executed(run: Run, deliveries: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the decisions, flat as the expectations are written, and the snapshots."""
    simulation = Simulation(PolicyTimeline(versions(run)))
    events = [event for event in run.events for _ in range(deliveries)]
    decided = list(simulation.run(events, parse_instant(run.until)))
    for decision in decided:
        decode_decision(encode_decision(decision))
    return [flat(one.type, one.data) for one in decided], list(simulation.snapshots())


def flat(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "type": kind}


def selected(entry: dict[str, Any], decisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the decisions that an entry of `never` or `count` speaks of."""
    first = parse_instant(entry.get("since", "0001-01-01T00:00:00Z"))
    last = parse_instant(entry.get("until", "9999-01-01T00:00:00Z"))
    want = {key: value for key, value in entry.items() if key not in BOUNDS}
    return [
        one for one in decisions if first <= parse_instant(one["at"]) <= last and matches(want, one)
    ]


@pytest.mark.parametrize("deliveries", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("run", RUNS, ids=[run.id for run in RUNS])
def test_the_case_holds(run: Run, deliveries: int) -> None:
    decisions, snapshots = executed(run, deliveries)
    as_expected(run, decisions)
    for entry in run.final:
        want = {k: v for k, v in entry.items() if deliveries == 1 or k != "counters"}
        assert any(matches(want, one) for one in snapshots), (entry, snapshots)
    if deliveries == 2:
        repeats = len(run.events) * 2 - len({(e.source, e.id) for e in run.events})
        assert sum(one["counters"]["duplicates"] for one in snapshots) == repeats


def as_expected(run: Run, decisions: list[dict[str, Any]]) -> None:
    """See that *decisions* are what the case says of them."""
    versions_are_contiguous(decisions)
    expected_in_order(run, decisions)
    for entry in run.never:
        assert selected(entry, decisions) == [], f"never {entry}"
    for entry in run.count:
        number = len(selected(entry, decisions))
        assert entry.get("exactly", entry.get("at_least", 0)) <= number, entry
        assert number <= entry.get("exactly", entry.get("at_most", number)), entry


def versions_are_contiguous(decisions: list[dict[str, Any]]) -> None:
    last: dict[str, int] = {}
    for one in decisions:
        assert one["version"] == last.get(one["ticket"], 0) + 1, one
        last[one["ticket"]] = one["version"]


def expected_in_order(run: Run, decisions: list[dict[str, Any]]) -> None:
    """Find each expected decision, per ticket in order; entries of one instant in any order."""
    used: set[int] = set()
    reached: dict[str, int] = {}
    instants: dict[str, tuple[Any, int]] = {}
    for entry in run.expect:
        ticket, at = str(entry.get("ticket")), entry.get("at")
        if at is None or instants.get(ticket, (None, 0))[0] != at:
            instants[ticket] = (at, reached.get(ticket, -1) + 1)
        found = next(
            (
                number
                for number, one in enumerate(decisions)
                if number >= instants[ticket][1] and number not in used and matches(entry, one)
            ),
            None,
        )
        assert found is not None, f"expected {entry}"
        used.add(found)
        reached[ticket] = max(reached.get(ticket, -1), found)
