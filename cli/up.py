"""`tierline up`: the whole system on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from cli.embedded.errors import EmbeddedError
from cli.folder_clock import UnusableFolderError, clock_of
from cli.foreground import in_foreground
from cli.mail_sink import MailSink
from cli.output import DONE, WRONG_USE, AsJson, fail, print_json
from cli.stack import Plan, Stack, fetch_servers
from cli.steps import Steps
from cli.time_given import time_given
from shared.contract.times import as_datetime
from shared.runtime.clock import Clock

HOME: Final = Path(".tierline")

Home = Annotated[
    Path,
    typer.Option(
        "--home",
        envvar="TIERLINE_HOME",
        file_okay=False,
        help="The folder that keeps data and logs between runs.",
    ),
]


def up(
    home: Home = HOME,
    speed: Annotated[
        float | None,
        typer.Option(min=0.001, max=1_000_000, help="How fast time runs; 1 is the world's."),
    ] = None,
    clock_start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="What the clock shows first; default: the time now."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole system on this machine until Ctrl-C: Kafka, PostgreSQL, the four services.

    Nothing needs to be installed: a real Apache Kafka (fetched once, 46 MB) and a real
    PostgreSQL are run from the data folder, without root and without containers. Where
    `KAFKA_BOOTSTRAP_SERVERS` or `DATABASE_URL` names a server that exists, that one is used.

    Services listen on 127.0.0.1, ports 8081 to 8084 or free ones; `INTAKE_HTTP_PORT` and the like
    fix them. A service that dies is started again. Anybody on this machine may post events, unless
    `INTAKE_KEYS_FILE` is set. Without `NOTIFIER_SMTP_HOST` all mail is kept in the folder and none
    is sent. Every other variable of a service holds as well (docs/operations.md).

    The folder remembers its clock: --speed and --clock-start count at its first use.

    Example: `tierline up --home /var/lib/tierline`

    Exit codes: 0 stopped by Ctrl-C or SIGTERM, 1 something did not start or a service refuses to,
    2 wrong use. With --json the addresses are printed as one JSON object once all is ready.
    """
    start = None if clock_start is None else time_given("up", "--clock-start", clock_start)
    try:
        clock = clock_of(home, speed=speed, start=None if start is None else as_datetime(start))
    except UnusableFolderError as error:
        fail("up", str(error), code=WRONG_USE)
    try:
        fetch_servers(os.environ)
    except EmbeddedError as error:
        fail("up", str(error))
    in_foreground("up", _up(home, clock, as_json=as_json))


async def _up(home: Path, clock: Clock, *, as_json: bool) -> int:
    async with AsyncExitStack() as running:
        with Steps() as steps:
            environ, mail = await with_mail(running, home, os.environ)
            stack = await running.enter_async_context(Stack(Plan(home, environ), steps.tell))
            await stack.serve(clock)
        if as_json:
            print_json(addresses(stack, mail))
        else:
            show_addresses(stack, mail, clock, Console(highlight=False))
            typer.echo("Everything is ready. Ctrl-C stops it; the data stay.")
        await stack.until_broken()
    return DONE


async def with_mail(
    running: AsyncExitStack, home: Path, environ: Mapping[str, str]
) -> tuple[dict[str, str], Path | None]:
    """Return the environment with a way for mail to go, and the file that keeps it.

    Where *environ* names no mail server, one that keeps everything is run as long as *running*.
    """
    if "NOTIFIER_SMTP_HOST" in environ or "NOTIFIER_DRY_RUN" in environ:
        return dict(environ), None
    sink = await running.enter_async_context(MailSink(home / "mail.mbox"))
    return {**sink.variables, **environ}, sink.file


def addresses(stack: Stack, mail: Path | None) -> dict[str, Any]:
    """Return where everything of *stack* is."""
    servers = stack.addresses
    return {
        "services": {name: service.url for name, service in stack.services.items()},
        "board": f"{stack.url('tracker')}/",
        "events": f"{stack.url('intake')}/v1/events",
        "kafka_bootstrap_servers": servers.bootstrap_servers,
        "database_url": servers.database_url,
        "mail": None if mail is None else str(mail),
        "home": str(stack.plan.home),
    }


def show_addresses(stack: Stack, mail: Path | None, clock: Clock, console: Console) -> None:
    """Print where everything of *stack* is, for people."""
    found = addresses(stack, mail)
    rows = {
        "board": found["board"],
        "tickets as JSON": f"{stack.url('tracker')}/v1/tickets",
        "post events to": found["events"],
        "notices": f"{stack.url('notifier')}/v1/deliveries",
        "mail, kept here": found["mail"],
        "logs": f"{stack.plan.home}/services/*/server.log",
        "KAFKA_BOOTSTRAP_SERVERS": found["kafka_bootstrap_servers"],
        "DATABASE_URL": found["database_url"],
    }
    for name, where in rows.items():
        if where is not None:
            console.print(f"{name:<24} {where}", markup=False, soft_wrap=True)
    if clock != Clock():
        pace = "as fast as the world's" if clock.speed == 1 else f"{clock.speed:g} times as fast"
        console.print(f"The clock runs {pace}; it is {clock.now():%d %B %Y, %H:%M} UTC.")
