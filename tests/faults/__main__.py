"""Put intake and notifier through what they promise to come through, and hold every word against it.

    python -m tests.faults outage --seconds 300 --rate 500   Kafka away under load
    python -m tests.faults outage --paused                   the same, its connections left open
    python -m tests.faults kills --posts 100000 --seed 7     kill -9 of intake and Kafka meanwhile
    python -m tests.faults bodies --count 100000 --seed 7    hostile bodies
    python -m tests.faults notices --count 4000 --seed 7     kill -9 of notifiers, Kafka and PostgreSQL

Prints one line of figures. Exit code 0: nothing accepted was lost; 1: something was, or was doubled
without need or mark, or a body was answered with a 5xx, or memory grew by more than 50 MB; each finding
is a line.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from shared.runtime.clock import new_id
from tests.faults import bodies, kills, notices, outage

_SHOWN = 20


def main() -> int:
    """Do one run and return the exit code."""
    wanted = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = wanted.add_subparsers(dest="kind", required=True)
    away = kinds.add_parser("outage", help="Kafka away under load")
    away.add_argument("--seconds", type=float, default=300, help="how long Kafka is away")
    away.add_argument("--rate", type=float, default=500, help="posts a second")
    away.add_argument("--paused", action="store_true", help="stop Kafka instead of killing it")
    killed = kinds.add_parser("kills", help="intake and Kafka killed at random")
    killed.add_argument("--posts", type=int, default=100_000, help="events to be accepted")
    fuzzed = kinds.add_parser("bodies", help="hostile bodies")
    fuzzed.add_argument("--count", type=int, default=100_000, help="how many")
    told = kinds.add_parser("notices", help="notifiers and their servers killed at random")
    told.add_argument("--count", type=int, default=4000, help="decisions, each told to five")
    for one in (killed, fuzzed, told):
        one.add_argument("--seed", type=int, help="repeats the choices of a run")
    given = wanted.parse_args()
    with tempfile.TemporaryDirectory(prefix="tierline-faults-") as folder:
        good, figures, findings = asyncio.run(_run(given, Path(folder)))
    for finding in findings[:_SHOWN]:
        sys.stdout.write(f"{finding}\n")
    if len(findings) > _SHOWN:
        sys.stdout.write(f"and {len(findings) - _SHOWN} more\n")
    listed = " ".join(f"{name}={value}" for name, value in figures.items())
    sys.stdout.write(f"{given.kind} {listed}: {'good' if good else 'BAD'}\n")
    return 0 if good else 1


async def _run(given: argparse.Namespace, folder: Path) -> tuple[bool, dict[str, Any], list[str]]:
    if given.kind == "outage":
        away = await outage.run(given.seconds, given.rate, folder, paused=given.paused)
        unanswered = [f"{count} posts: {name}" for name, count in away.failed.items()]
        return away.good, away.figures(), [*away.verdict.broken, *unanswered]
    seed = new_id().int % 100_000 if given.seed is None else given.seed
    if given.kind == "kills":
        killed = await kills.run(given.posts, seed, folder)
        return killed.good, killed.figures(), [*killed.verdict.broken, *killed.refused]
    if given.kind == "notices":
        told = await notices.run(given.count, seed, folder)
        return not told.findings, told.figures(), told.findings
    fuzzed = await bodies.run_alone(given.count, seed, folder)
    return not fuzzed.findings, fuzzed.figures(), fuzzed.findings


if __name__ == "__main__":
    sys.exit(main())
