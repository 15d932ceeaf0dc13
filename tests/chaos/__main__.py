"""Kill, pause and cut off services and servers, and count what was lost.

Run: ``python -m tests.chaos --seconds 180 --seed 7``. Exit code 0: nothing was lost, doubled or
wrong; 1: something was, or the run did not drain, or too little was killed; each finding is a line.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from shared.runtime.clock import new_id
from tests.chaos.run import run

_SHOWN = 20


def main() -> int:
    """Do one run and return the exit code."""
    wanted = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    wanted.add_argument("--seconds", type=float, default=180, help="how long faults are done")
    wanted.add_argument("--seed", type=int, help="repeats the faults and the story of a run")
    wanted.add_argument("--keep", type=Path, help="a folder in which data and logs stay")
    given = wanted.parse_args()
    seed = new_id().int % 100_000 if given.seed is None else given.seed
    sys.stdout.write(f"chaos seed={seed} seconds={given.seconds:g}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="tierline-chaos-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(run(seed, given.seconds, folder))
    for finding in outcome.findings[:_SHOWN]:
        sys.stdout.write(f"{finding.fault}: {finding.text}\n")
    if len(outcome.findings) > _SHOWN:
        sys.stdout.write(f"and {len(outcome.findings) - _SHOWN} more\n")
    sys.stdout.write(f"{outcome.summary()}\n")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
