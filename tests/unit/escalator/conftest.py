from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from services.escalator.core import fold
from services.escalator.core.simulation import Simulation
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, parse_instant
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file

ENOUGH = 200_000
"""So many steps, an event heard or an instant of timers each, `make properties` must try."""

_steps = Counter[str]()

Simulate = Callable[..., tuple[list[dict[str, Any]], dict[str, Any]]]


@pytest.fixture(scope="session")
def policies() -> PolicyTimeline:
    return PolicyTimeline([(Instant(0), load_policy_file(DEFAULT_POLICY))])


@pytest.fixture(scope="session")
def simulate(policies: PolicyTimeline) -> Simulate:
    """Run events to a time; return the decisions, flat, and the snapshot of ticket A."""

    def run(
        events: Iterable[TicketEvent], until: str
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        simulation = Simulation(policies)
        decided = [
            {**one.data, "type": one.type} for one in simulation.run(events, parse_instant(until))
        ]
        snapshots = {one["ticket"]: one for one in simulation.snapshots()}
        return decided, snapshots.get("desk:A", {})

    return run


def found(decisions: Iterable[dict[str, Any]], kind: str, **said: Any) -> list[dict[str, Any]]:
    """Return the decisions of type *kind* that say all that *said* says, in order."""
    return [
        one
        for one in decisions
        if one["type"] == kind and all(one.get(name) == value for name, value in said.items())
    ]


def triggers(decision: dict[str, Any]) -> list[str]:
    """Return the triggers of *decision*."""
    named: list[str] = decision["because"]["triggers"]
    return named


def told(decision: dict[str, Any]) -> list[str]:
    """Return the roles that *decision* tells, in order."""
    return [entry["role"] for entry in decision.get("notify") or ()]


@pytest.fixture(autouse=True)
def _count_steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the steps that the engine takes in the property tests."""
    if request.node.get_closest_marker("hypothesis") is None:
        return
    turn = fold._turn  # every step begins with one

    def counted(*given: Any) -> Any:
        _steps["tried"] += 1
        return turn(*given)

    monkeypatch.setattr(fold, "_turn", counted)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many steps were tried."""
    if _steps:
        terminalreporter.write_line(f"random lives: {_steps['tried']:,} steps of the engine")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a run of `make properties` fail that has tried too few."""
    many = session.config.getoption("--hypothesis-profile") == "properties"
    if many and 0 < _steps["tried"] < ENOUGH:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
