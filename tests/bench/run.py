"""Run benchmarks one after the other, all on the same Kafka and PostgreSQL.

    python -m tests.bench.run [NAME…]

NAME is `intake` for `bench_intake.py`; without any, all run. The servers are embedded and durable,
started for this run, unless ``KAFKA_BOOTSTRAP_SERVERS`` or ``DATABASE_URL`` name ones that exist.
A benchmark gets their addresses in these two variables, and on a PostgreSQL started here a
database of its own. Exit code 1 if one of them failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cli.embedded.servers import Servers

HERE = Path(__file__).parent
KNOWN = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def run(name: str, servers: Servers) -> bool:
    """Run one benchmark in a process of its own and say whether it succeeded."""
    postgres = servers.postgres
    database = (
        postgres.create_database(f"bench_{name}") if postgres else servers.addresses.database_url
    )
    environ = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": servers.addresses.bootstrap_servers,
        "DATABASE_URL": database,
    }
    sys.stdout.write(f"== {name}\n")
    sys.stdout.flush()
    ran = subprocess.run(
        [sys.executable, "-m", f"tests.bench.bench_{name}"],
        cwd=HERE.parents[1],
        env=environ,
        check=False,
    )
    return ran.returncode == 0


def main() -> None:
    """Run the benchmarks that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(KNOWN)}")
    names = parser.parse_args().names or KNOWN
    if unknown := [name for name in names if name not in KNOWN]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(KNOWN)}")
    with (
        tempfile.TemporaryDirectory(prefix="tierline-bench-") as home,
        Servers(Path(home), os.environ) as servers,
    ):
        failed = [name for name in names if not run(name, servers)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
