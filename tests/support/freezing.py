"""A server that is there and says nothing: its process stopped in mid-step."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.consuming import until


@asynccontextmanager
async def frozen(pid: int | None) -> AsyncIterator[None]:
    """Hold the process *pid*, with each of its threads, still for the body.

    The signal only asks: on a busy machine a thread may answer some requests more before it
    stops, so the body begins when the kernel says of every thread that it is stopped.
    """
    assert pid is not None
    tasks = Path(f"/proc/{pid}/task")

    async def still() -> bool:
        return all(_state(task) == "T" for task in tasks.iterdir())  # noqa: ASYNC240 - no disk

    os.kill(pid, signal.SIGSTOP)
    try:
        await until(still)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _state(task: Path) -> str:
    try:
        # The name before it stands in parentheses and may hold spaces itself; proc(5).
        return (task / "stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return "T"  # The thread has ended since it was listed: it says nothing any more.
