"""How long one decision takes on a ticket with a long past, and how large such a case is.

    python -m tests.bench.bench_decide [--events N] [--json]

The ticket has heard N events, in turn of its customer and of an agent. One more that comes in order
needs only the case; one that comes late has the whole history folded again, twice.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from statistics import median
from time import process_time
from typing import Final

from services.escalator.core import engine
from services.escalator.core.case import Case
from services.escalator.core.decide import dump
from services.escalator.core.inputs import Heard, hear_of
from services.escalator.core.simulation import Simulation
from shared.contract.times import Instant, rfc3339
from tests.bench.bench_simulate import POLICIES, START
from tests.support.ticket_events import opened, replied, wrote

APART_S: Final = 60
LATE_S: Final = 3600
TURNS: Final = 200
LATE_TURNS: Final = 5
KEY: Final = "desk:A"


class Held:
    """The one case, as the engine asks for it."""

    def __init__(self, case: Case, history: Sequence[Heard]) -> None:
        self._case, self._history = case, history

    def case(self, key: str) -> Case | None:
        """Return the case; nothing else exists."""
        return self._case if key == KEY else None

    def history(self, key: str) -> Sequence[Heard]:
        """Return all that the case has heard."""
        return self._history if key == KEY else ()


def a_long_past(events: int) -> tuple[Held, Case, Instant]:
    """Return a ticket that has heard *events* events, and when it heard the last of them."""
    times = [rfc3339(Instant(START + APART_S * n)) for n in range(events)]
    spoken = [(wrote if n % 2 else replied)(at) for n, at in enumerate(times[1:])]
    simulation = Simulation(POLICIES)
    for _ in simulation.run([opened(times[0]), *spoken]):
        pass
    case = simulation.case(KEY)
    assert case is not None
    return Held(case, simulation.history(KEY)), case, simulation.now


def milliseconds(step: Callable[[], object], turns: int) -> float:
    """Return the median computing time of *step* over *turns*."""
    spent = []
    for _ in range(turns):
        began = process_time()
        step()
        spent.append((process_time() - began) * 1000)
    return median(spent)


def measure(events: int) -> dict[str, float]:
    """Return how long one more event takes, in order and late, and how large the case is."""
    held, case, last = a_long_past(events)
    now = Instant(last + APART_S)
    policy = POLICIES.at(now)

    def heard(at: Instant) -> Heard:
        return hear_of(wrote(rfc3339(at)), events + 1, policy, received=now)

    in_order, late = heard(now), heard(Instant(now - min(LATE_S, APART_S * events // 2) + 1))
    return {
        "events": events,
        "in_order_ms": milliseconds(lambda: engine.hear(held, in_order, POLICIES, now), TURNS),
        "late_ms": milliseconds(lambda: engine.hear(held, late, POLICIES, now), LATE_TURNS),
        "case_bytes": len(dump(case)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000, help="what the ticket has heard before")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    found = measure(given.events)
    if given.json:
        print(json.dumps(found))  # noqa: T201  its purpose
        return
    print(  # noqa: T201  its purpose
        f"decide: on a ticket with {found['events']} past events one more in order takes"
        f" {found['in_order_ms']:.3f} ms (goal under 1), one that comes late {found['late_ms']:.0f}"
        f" ms; the case is {found['case_bytes']} bytes"
    )


if __name__ == "__main__":
    main()
