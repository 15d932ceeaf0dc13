"""Two trials side by side: whichever is behind is listened to, so that neither runs far ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from cli.backtest.comparison import SIDES, Comparison, Side
from cli.backtest.trial import Progress, Trial, run_trial


class TrialFailedError(Exception):
    """A trial could not be finished; the message says why."""


def compared(trials: dict[Side, Trial], tell: Callable[[int], None] = lambda _: None) -> Comparison:
    """Return how the two *trials* differ.

    Args:
        trials: The policy that there is, and the candidate.
        tell: Called with the bytes that the slower of both has read.

    Raises:
        TrialFailedError: The history cannot be read, or a process was killed.
    """
    found = Comparison()
    with _started(trials) as pipes:
        behind: dict[Side, int] = dict.fromkeys(SIDES, 0)
        while behind:
            side = min(behind, key=lambda one: behind[one])
            said = _next(pipes[side])
            if said.problem is not None:
                raise TrialFailedError(said.problem)
            found.take(side, said.marks)
            behind[side] = said.bytes_read
            tell(min(behind.values()))
            if said.tickets is not None:
                found.tickets[side] = said.tickets
                del behind[side]
    return found


@contextmanager
def _started(trials: dict[Side, Trial]) -> Iterator[dict[Side, Connection]]:
    # A process of its own for each: the engine is one thread's work.
    context = get_context("spawn")
    pipes: dict[Side, Connection] = {}
    processes = []
    try:
        for side, trial in trials.items():
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=run_trial, args=(trial, there), daemon=True)
            process.start()
            there.close()
            pipes[side] = here
            processes.append(process)
        yield pipes
    finally:
        for pipe in pipes.values():
            pipe.close()
        for process in processes:
            process.terminate()
            process.join()


def _next(pipe: Connection) -> Progress:
    try:
        said: Progress = pipe.recv()
    except EOFError:
        msg = "a trial broke off; its own message is above"
        raise TrialFailedError(msg) from None
    return said
