"""`tierline erase`: a person, or everybody on tickets that ended long ago, out of all tables."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

import typer
from pydantic import TypeAdapter, ValidationError
from rich.progress import Progress, TaskID

from cli.output import WRONG_USE, AsJson, fail, print_json, progress
from services.escalator import store_erasing as cases
from services.escalator.tables import SCHEMA as ESCALATOR
from services.notifier import store_erasing as notices
from services.notifier.tables import SCHEMA as NOTIFIER
from services.tracker.erasing import Erased, ErasingError, Tell, Wanted, erase
from services.tracker.settings import Settings
from services.tracker.tables import SCHEMA as TRACKER
from shared.contract.erasure import Erasures, digest_of, pseudonym_of
from shared.contract.errors import TransientError
from shared.runtime.database import Database, open_database
from shared.runtime.dead_letters import bury
from shared.runtime.settings import SettingsError
from shared.runtime.telemetry import configure_logging

_COMMAND: Final = "erase"
_PATIENCE_S: Final = 3600.0
_DURATION: Final = TypeAdapter(timedelta)

app = typer.Typer(
    name=_COMMAND,
    help="Erase personal data from the tables of all services, for good: it stays erased when they are"
    " made anew from the topics.\n\n"
    "Names become pseudonyms, so that counts and histories still add up; what people wrote goes. The"
    " topics themselves are never edited: what they hold ends with their retention.\n\n"
    "Reads the variables that the tracker reads; DATABASE_URL must name the owner of the schemas, as for"
    " `tierline migrate`.\n\n"
    "Exit codes: 0 done, 1 a rebuild is at work or PostgreSQL is away (run it again), 2 wrong use.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

Dry = Annotated[
    bool, typer.Option("--dry-run", help="Only say how much would be erased; nothing is changed.")
]


@app.command("person")
def erase_person(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME…",
            help="Every name that the person goes by: ids, addresses, the full name.",
        ),
    ],
    dry: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Erase one person: as customer, requester, owner, author, or whoever was told.

    Where a name stands alone it becomes a pseudonym, the same everywhere; so it does within texts if it
    is an address or has several words. Of what the person wrote, and of all texts on tickets that
    are theirs, nothing is kept. What is received afterwards is kept again.
    """
    _run(Wanted(names=tuple(names), dry=dry), as_json=as_json)


@app.command("ended")
def erase_ended(
    age: Annotated[
        str,
        typer.Option(
            "--for",
            envvar="TIERLINE_PERSONAL_DATA_KEPT",
            help="How long tickets must have ended, as ISO 8601: P730D is two years.",
        ),
    ],
    dry: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Erase everybody's name and all texts on tickets that ended so long ago.

    Meant to be run once a day; tickets that were done before are passed over.
    """
    try:
        ended = _DURATION.validate_python(age)
    except ValidationError:
        ended = timedelta(0)
    if ended <= timedelta(0):
        fail(_COMMAND, f"--for: {age!r} is no duration; write P730D or PT12H", code=WRONG_USE)
    _run(Wanted(ended=ended, dry=dry), as_json=as_json)


@app.command("again")
def erase_again(dry: Dry = False, as_json: AsJson = False) -> None:
    """Go through everything once more by what was erased before.

    For after a backup was restored, and for what services had not read yet when it was erased.
    """
    _run(Wanted(dry=dry), as_json=as_json)


@dataclass
class _Rows:
    """How many rows of the other services were changed."""

    escalator: int = 0
    notifier: int = 0


def _run(wanted: Wanted, *, as_json: bool) -> None:
    # Standard output is for what came of it.
    configure_logging(_COMMAND, "text")
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        fail(_COMMAND, str(error), code=WRONG_USE)
    try:
        with progress() as bar:
            task = bar.add_task("beginning", total=None)
            done, rows = asyncio.run(_erased(settings, wanted, _teller(bar, task)))
    except ErasingError as error:
        fail(_COMMAND, str(error))
    except ValueError as error:
        fail(_COMMAND, str(error), code=WRONG_USE)
    except TransientError as error:
        fail(_COMMAND, f"{error}. Run it again: what was done holds.")
    said = {
        "dry_run": wanted.dry,
        "pseudonyms": sorted({pseudonym_of(digest_of(one)) for one in wanted.names}),
        "tickets": done.tickets,
        "messages": done.messages,
        "dead_letters": done.dead_letters,
        "rows_of_escalator": rows.escalator,
        "rows_of_notifier": rows.notifier,
    }
    if as_json:
        print_json(said)
    else:
        _say(said)


async def _erased(settings: Settings, wanted: Wanted, tell: Tell) -> tuple[Erased, _Rows]:
    rows = _Rows()
    async with AsyncExitStack() as stack:
        tracker, escalator, notifier = [
            await stack.enter_async_context(_opened(settings, schema))
            for schema in (TRACKER, ESCALATOR, NOTIFIER)
        ]

        async def others(keys: Sequence[str], erasures: Erasures) -> None:
            async with escalator.transaction() as conn:
                rows.escalator += await cases.erase_cases(conn, keys, erasures)
            async with notifier.transaction() as conn:
                rows.notifier += await notices.erase_notices(conn, keys, erasures)

        late_after_s = settings.late_after.total_seconds() * settings.clock_speed
        done = await erase(tracker, wanted, late_after_s, others, tell)
        if not wanted.dry:
            async with escalator.transaction() as conn:
                done.dead_letters += await bury(conn, done.erasures)
            async with notifier.transaction() as conn:
                rows.notifier += await notices.erase_people(conn, done.erasures)
                done.dead_letters += await bury(conn, done.erasures)
    return done, rows


def _opened(settings: Settings, schema: str) -> Database:
    return open_database(
        settings.database_url.get_secret_value(),
        schema=schema,
        clock=settings.clock,
        pool_size=2,
        statement_timeout_s=_PATIENCE_S,
    )


def _teller(bar: Progress, task: TaskID) -> Tell:
    def tell(what: str, done: int, total: int) -> None:
        bar.update(task, description=what, completed=done, total=total)

    return tell


def _say(said: dict[str, Any]) -> None:
    verb = "Would erase" if said["dry_run"] else "Erased"
    typer.echo(
        f"{verb}: {said['messages']} messages of {said['tickets']} tickets in the read model,"
        f" {said['rows_of_escalator']} rows of the escalator, {said['rows_of_notifier']} of the"
        f" notifier, {said['dead_letters']} dead letters."
    )
    for name in said["pseudonyms"]:
        typer.echo(f"The name reads {name} now.")
    if not said["dry_run"]:
        typer.echo("The topics still hold what they held; docs/erasure.md says until when.")
