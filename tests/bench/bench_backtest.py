"""How long a backtest takes over a year of tickets, two processes side by side.

    python -m tests.bench.bench_backtest [--tickets N]

The made-up tickets are those of `bench_simulate`: eight events each. The goal is 100,000 of them in
five minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import monotonic, process_time

from cli.backtest.racing import compared
from cli.backtest.trial import Trial
from shared.policy.load import DEFAULT_POLICY, edited, load_policy_file
from tests.bench.bench_simulate import lines

GOAL_TICKETS = 100_000
GOAL_S = 300


def main() -> None:
    """Print how long the backtest took, and what that makes of the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=10_000)
    args = parser.parse_args()
    old = load_policy_file(DEFAULT_POLICY)
    new = edited(old, {"cells.S3.I2.t1_max": "30m"})
    with tempfile.TemporaryDirectory(prefix="tierline-bench-") as home:
        file = Path(home) / "events.jsonl"
        file.write_bytes(b"\n".join(lines(args.tickets)) + b"\n")
        before = process_time()
        began = monotonic()
        found = compared(
            {
                "before": Trial(old.text, None, (str(file),), None),
                "after": Trial(new.text, None, (str(file),), None),
            }
        )
        took = monotonic() - began
    # Two processes on two cores of their own take half of what all together have worked; on a busy
    # machine the clock on the wall says more.
    spent = sum(
        one.ru_utime + one.ru_stime for one in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN))
    )
    year = (spent - before) / 2 * GOAL_TICKETS / args.tickets
    sys.stdout.write(
        f"backtest: {args.tickets:,} tickets in {took:.0f} s; by the work done, {GOAL_TICKETS:,} in"
        f" {year:.0f} s of two cores (goal {GOAL_S}); {len(found.changed()):,} differ\n"
    )


if __name__ == "__main__":
    main()
