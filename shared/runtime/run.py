"""Run a service: its tasks together, drained on SIGTERM, ended by any error.

Nothing is repaired in place that a restart repairs: an error that no task handles ends the
process, and whatever started it starts it anew.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, NoReturn, TypeVar

import structlog
import uvloop

from shared.runtime import failpoints
from shared.runtime.collecting import collect_seldom
from shared.runtime.progress import StaleDataError
from shared.runtime.settings import RuntimeSettings, SettingsError
from shared.runtime.telemetry import configure_logging
from shared.runtime.tracing import configure_tracing

S = TypeVar("S", bound=RuntimeSettings)
Main = Callable[[S, asyncio.Event], Awaitable[None]]

EXIT_CLEAN: Final = 0
EXIT_CRASHED: Final = 1
EXIT_REFUSED: Final = 78
"""Settings or data that no restart will mend: a person must act on the message."""

_LONGEST_DRAIN_S: Final = 25.0

log = structlog.get_logger()


def run(service: str, settings: type[S], main: Main[S], environ: Mapping[str, str]) -> NoReturn:
    """Run *main* until SIGTERM or SIGINT, then exit: 0 drained, 1 crashed, 78 refused.

    Args:
        service: The service's name, on every log line.
        settings: Read from *environ* before anything else.
        main: The service; it returns once the event that it is given is set and all is drained.
            It has 25 s for that.
        environ: The process's environment.
    """
    sys.exit(exit_code(service, settings, main, environ))


def exit_code(service: str, settings: type[S], main: Main[S], environ: Mapping[str, str]) -> int:
    """Do what `run` does, and return the exit code."""
    try:
        given = settings.from_env(environ)
    except SettingsError as error:
        return _refused(service, error)
    configure_logging(service, given.log_format)
    try:
        configure_tracing(service, environ)
    except SettingsError as error:
        return _refused(service, error)
    failpoints.arm(environ)
    collect_seldom()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_drained(main(given, _stop_event(runner))))
    except BaseExceptionGroup as group:
        return _ended(service, _first(group))
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  the last word of a process
        return _ended(service, error)
    return EXIT_CLEAN


async def together(stop: asyncio.Event, *tasks: Coroutine[Any, Any, Any]) -> None:
    """Run *tasks* until *stop* is set and all have returned; the first error ends all.

    Raises:
        ExceptionGroup: What the tasks raised.
        TaskEndedError: A task returned though nobody had asked it to.
    """

    async def kept(task: Coroutine[Any, Any, Any]) -> None:
        await task
        if not stop.is_set():
            msg = f"{_name(task)} ended by itself"
            raise TaskEndedError(msg)

    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(kept(task), name=_name(task))


class TaskEndedError(RuntimeError):
    """A task that runs as long as the process has returned."""


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait up to *seconds* (real) for *stop*, and return whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()


def _name(task: Coroutine[Any, Any, Any]) -> str:
    return str(getattr(task, "__qualname__", task))


def _stop_event(runner: asyncio.Runner) -> asyncio.Event:
    loop = runner.get_loop()
    stop = asyncio.Event()

    def drain() -> None:
        if not stop.is_set():
            log.info("draining")
            stop.set()
            _give_up_after(_LONGEST_DRAIN_S)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, drain)
    return stop


def _give_up_after(seconds: float) -> None:
    """End the process if it is still there then, whatever it hangs in."""
    timer = threading.Timer(seconds, os._exit, (EXIT_CRASHED,))
    timer.daemon = True
    timer.start()


async def _drained(main: Awaitable[None]) -> None:
    await main


def _ended(service: str, error: BaseException) -> int:
    if isinstance(error, StaleDataError | SettingsError):
        return _refused(service, error)
    log.critical("crashed", exc_info=error)
    return EXIT_CRASHED


def _refused(service: str, error: BaseException) -> int:
    sys.stderr.write(f"{service} does not start:\n{error}\n")
    return EXIT_REFUSED


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error of *group* that says most: one that a person must act on, or the first."""
    refused, others = group.split((StaleDataError, SettingsError))
    found: BaseException = refused or others or group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
