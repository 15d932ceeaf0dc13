"""`tierline demo`: a recorded week of a real helpdesk, in about three minutes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Final

import httpx2
import typer
from rich.console import Console

import deploy
from cli.demo.feed import RefusedEventError
from cli.demo.fresh import bare, fresh_folder, own_database
from cli.demo.people import People
from cli.demo.run import Run, Script
from cli.demo.screen import Screen
from cli.demo.summary import show
from cli.embedded.errors import EmbeddedError
from cli.foreground import in_foreground
from cli.history.errors import LogError
from cli.history.mapping_file import SERVICENOW, load_mapping
from cli.history.rows import read_log
from cli.history.story import Told, tell
from cli.import_log import first_days
from cli.mail_sink import MailSink
from cli.output import DONE, PROBLEM, AsJson, fail, print_json
from cli.stack import Plan, Stack, fetch_servers
from cli.steps import Steps
from cli.up import HOME, Home, addresses, show_addresses
from services.notifier.roster_file import load_roster_file
from services.notifier.settings import DEFAULT_ROSTER
from shared.mapping.file import MappingError
from shared.runtime.clock import monotonic, real_now

HISTORY: Final = Path(deploy.__file__).parent / "demo" / "servicenow-incidents.csv.gz"

_FOR_SPEED: Final = {
    # The notifier paces mail by the world's time, in which a day here lasts seconds.
    "NOTIFIER_MAIL_PER_S": "500",
    "NOTIFIER_AT_ONCE": "16",
    "NOTIFIER_PERSON_EVERY": "PT0.2S",
}


def demo(
    home: Home = HOME,
    days: Annotated[int, typer.Option(min=1, max=365, help="How much of the history.")] = 7,
    speed: Annotated[
        float, typer.Option(min=1, max=100_000, help="Virtual seconds in a real one.")
    ] = 3600.0,
    leave: Annotated[
        bool, typer.Option("--exit", help="End after the proof instead of staying up.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play a recorded week of a real helpdesk against the whole system, and prove the outcome.

    Kafka, PostgreSQL and the four services run as with `tierline up`, on empty data. The clock is
    set to 29 February 2016 and runs an hour a second. A real ServiceNow history (890 incidents;
    deploy/demo/README.md) is posted to intake as the clock reaches each event. Escalations go out
    as mail to a mail server on this machine, and whoever is called acknowledges at once. In the
    end everything is read back: nothing accepted was lost, no decision is missing or doubled, and
    each notice was owed and kept in the ledger once. Then the clock slows to the world's, and the
    board stays up until Ctrl-C.

    The first run on a machine fetches Apache Kafka (46 MB). Servers named by
    `KAFKA_BOOTSTRAP_SERVERS` and `DATABASE_URL` are used instead: with topics under a prefix and a
    database of the run's own, which stay there.

    Example: `tierline demo --days 2 --exit`

    Exit codes: 0 interrupted, or with --exit everything held; 1 something did not hold or did not
    start; 2 wrong use. With --json the outcome is printed as one JSON object.
    """
    try:
        told = _history(days)
        fetch_servers(os.environ)
        with fresh_folder(home) as data:
            script = Script(tuple(told), timedelta(days=days), speed)
            in_foreground("demo", _demo(data, script, leave=leave, as_json=as_json))
    except (LogError, MappingError, EmbeddedError, RefusedEventError) as error:
        fail("demo", str(error))
    except httpx2.HTTPError as error:
        fail("demo", f"{error}. The services' logs in {home}/demo/data/services say why")


def _history(days: int) -> list[Told]:
    mapping = load_mapping(SERVICENOW)
    told = tell(read_log(HISTORY, mapping), mapping, name=str(HISTORY))
    return first_days(told, days)


async def _demo(data: Path, script: Script, *, leave: bool, as_json: bool) -> int:
    began = monotonic()
    console = Console(stderr=as_json, highlight=False)
    people = People(load_roster_file(DEFAULT_ROSTER), script.told[0].body["source"])
    async with AsyncExitStack() as running:
        screen = Screen()

        def receive(mail: EmailMessage) -> None:
            screen.mail(mail)
            people.receive(mail)

        sink = await running.enter_async_context(MailSink(data / "mail.mbox", receive))
        with Steps() as steps:
            environ, prefix = await _names(sink.variables)
            plan = Plan(data, environ, prefix, durable=False)
            stack = await running.enter_async_context(Stack(plan, steps.tell))
            run = Run(script, stack, sink, people)
            await run.start(monotonic() - began)
            show_addresses(stack, sink.file, run.clock, Console(stderr=True, highlight=False))
        with screen:
            feed = await run.play(screen)
        with Steps() as steps:
            steps.tell("reading everything back")
            summary = await run.prove(feed)
        if as_json:
            print_json(summary.plain() | {"addresses": addresses(stack, sink.file)})
        else:
            show(summary, console)
        if leave:
            return DONE if summary.held else PROBLEM
        show_addresses(stack, sink.file, run.clock, console)
        await stack.until_broken()
    return DONE


async def _names(mail: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Return the environment of the run, and what stands before its topics' names."""
    environ = {**bare(os.environ), **mail, **_FOR_SPEED}
    stamp = f"{real_now():%Y%m%d_%H%M%S}"
    if environ.get("DATABASE_URL"):
        environ["DATABASE_URL"] = await own_database(
            environ["DATABASE_URL"], f"tierline_demo_{stamp}"
        )
    given = environ.get("TIERLINE_TOPIC_PREFIX", "")
    return environ, f"{given}demo-{stamp}." if environ.get("KAFKA_BOOTSTRAP_SERVERS") else given
