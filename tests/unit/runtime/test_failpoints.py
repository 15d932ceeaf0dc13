"""Places at which a process can be made to kill itself."""

import signal
import subprocess
import sys

from shared.runtime.failpoints import VARIABLE, arm, failpoint

PROGRAM = """
from shared.runtime.failpoints import arm, failpoint
arm({"TIERLINE_FAILPOINT": "here:3"})
for n in range(5):
    failpoint("there")
    failpoint("here")
    print(n, flush=True)
"""


def test_nothing_happens_unless_it_is_asked_for() -> None:
    arm({})
    failpoint("here")


def test_another_place_is_passed() -> None:
    arm({VARIABLE: "there"})
    try:
        failpoint("here")
    finally:
        arm({})


def test_the_process_ends_at_once_at_the_passage_that_was_asked_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["0", "1"]
