"""Run something until it ends or until Ctrl-C or SIGTERM ends it, cleanly either way."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import typer

from cli.embedded.errors import EmbeddedError
from cli.output import DONE, fail
from shared.contract.errors import TierlineError


def in_foreground(command: str, work: Coroutine[Any, Any, int]) -> None:
    """Run *work* and end the command with the exit code that it returns.

    The first Ctrl-C or SIGTERM cancels it, and what it holds it lets go of: exit code 0. Further
    ones are not listened to, so that nothing is left half stopped. An error that people must act
    on ends the command with 1 and the error's own words.
    """
    try:
        code = asyncio.run(_interruptible(work))
    except (EmbeddedError, TierlineError) as error:
        fail(command, str(error))
    if code != DONE:
        raise typer.Exit(code)


async def _interruptible(work: Coroutine[Any, Any, int]) -> int:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            typer.echo("stopping …", err=True)
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        if interrupted:
            return DONE
        raise
