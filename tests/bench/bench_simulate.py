"""How many events a second the engine takes on one core, beside reading the same bytes only.

    python -m tests.bench.bench_simulate [--tickets N] [--days N] [--profile]

First the even lives of N made-up tickets, then the recorded history of the demo, twice: with people
who answer within ten minutes, and as it is, with nobody who ever answers, so that everybody is
called again and again: many decisions for each event.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import process_time

from pydantic_core import to_json

from cli.demo.command import HISTORY
from cli.history.mapping_file import SERVICENOW, load_mapping
from cli.history.rows import read_log
from cli.history.story import tell
from cli.many_cases import hold_many_cases
from services.escalator.core.answering import AssumedAnswers
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.events import decode_event
from shared.contract.times import Instant, Seconds, rfc3339
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file

START = 1_772_445_600  # 2026-03-02T10:00:00Z
PAIRS = 5
PLANS = ("standard", "premium", "enterprise")
POLICIES = PolicyTimeline([(Instant(0), load_policy_file(DEFAULT_POLICY))])


def lines(tickets: int) -> list[bytes]:
    """Return the events of *tickets* tickets: eight each, one ticket opened every two seconds."""
    return [line for _, line in sorted(_events(tickets))]


def _events(tickets: int) -> Iterator[tuple[int, bytes]]:
    for n in range(tickets):
        at = START + 2 * n
        opening = {
            "title": f"Ticket {n}",
            "severity": f"S{2 + n % 3}",
            "affected_users": 1 + n % 12,
            "requester": f"user{n}",
            "owner": "olga",
            "customer": {"id": f"org{n % 97}", "plan": PLANS[n % 3], "region": "emea"},
        }
        reply = {"author": "agent", "public": True}
        asking = reply | {"asks_customer": True}
        answer = {"author": "customer", "public": True}
        yield _line(n, 0, at, "ticket.opened", opening)
        yield _line(n, 1, at + 600, "ticket.message", reply)
        yield _line(n, 2, at + 1800, "ticket.updated", {"affected_users": 3 + n % 20})
        yield _line(n, 3, at + 3600, "ticket.message", asking)
        yield _line(
            n, 4, at + 3600, "ticket.status_changed", {"status": "waiting_customer", "by": "olga"}
        )
        yield _line(n, 5, at + 9000, "ticket.message", answer)
        yield _line(n, 6, at + 10800, "ticket.message", reply)
        yield _line(n, 7, at + 14400, "ticket.status_changed", {"status": "resolved", "by": "olga"})


def _line(n: int, step: int, at: int, kind: str, data: dict[str, object]) -> tuple[int, bytes]:
    event = {
        "specversion": "1.0",
        "id": f"{n}-{step}",
        "source": "desk",
        "type": kind,
        "subject": f"T{n}",
        "time": rfc3339(Instant(at)),
        "datacontenttype": "application/json",
        "data": data,
    }
    return at, to_json(event)


def read(events: list[bytes]) -> int:
    """The raw baseline: parse and check every event, decide nothing."""
    return len([decode_event(line) for line in events])


def simulate(events: list[bytes]) -> int:
    """Parse, decide and write every decision."""
    run = Simulation(POLICIES).run(map(decode_event, events))
    return sum(len(encode_decision(one)) for one in run)


def recorded(days: int) -> list[bytes]:
    """Return the events of the first *days* days of the demo's history."""
    mapping = load_mapping(SERVICENOW)
    told = tell(read_log(HISTORY, mapping), mapping, name=HISTORY.name)
    end = told[0].at + timedelta(days=days)
    return [one.json() for one in told if one.at < end]


def rate(work: Callable[[list[bytes]], int], events: list[bytes]) -> float:
    """Return events for each second that the processor was at work, whoever else shares it."""
    began = process_time()
    work(events)
    return len(events) / (process_time() - began)


def on_history(events: list[bytes], answers: AssumedAnswers | None) -> str:
    """Return in words how fast the engine takes the recorded *events*."""
    decisions = assumed = 0
    began = process_time()
    for one in Simulation(POLICIES, answers).run(map(decode_event, events)):
        decisions += bool(encode_decision(one))
        assumed += one.type == "escalation.acknowledged"
    spent = process_time() - began
    heard = len(events) + assumed
    return (
        f"{heard / spent:,.0f} events/s (goal 5,000) and {decisions / spent:,.0f} decisions/s;"
        f" {heard:,} events, {assumed:,} of them answers, make {decisions:,} decisions,"
        f" {decisions / heard:.1f} each"
    )


def main() -> None:
    """Print the rates of interleaved pairs and their ratio, and those on the recorded history."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=2000)
    parser.add_argument("--days", type=int, default=365, help="of the recorded history")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    args = parser.parse_args()
    hold_many_cases()  # as `tierline simulate` does
    events = lines(args.tickets)
    pairs = [(rate(read, events), rate(simulate, events)) for _ in range(PAIRS)]
    ratios = sorted(engine / raw for raw, engine in pairs)
    engine = sorted(engine for _, engine in pairs)[PAIRS // 2]
    sys.stdout.write(
        f"simulate: {engine:,.0f} events/s on one core (goal 5,000), "
        f"{ratios[PAIRS // 2]:.3f} of only reading them; {len(events)} events, {PAIRS} pairs\n"
    )
    history = recorded(args.days)
    sys.stdout.write(
        f"recorded history, {args.days} days, calls answered after ten minutes:"
        f" {on_history(history, AssumedAnswers(Seconds(600)))}\n"
        f"the same, nobody ever answers: {on_history(history, None)}\n"
    )
    if args.profile:
        profile = cProfile.Profile()
        profile.runcall(simulate, events)
        pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
