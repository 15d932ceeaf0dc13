"""`tierline rebuild`: the tracker's read model made anew from the topics, while it is in use."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Final

import typer
from rich.progress import Progress, TaskID

from cli.output import WRONG_USE, AsJson, fail, print_json, progress
from services.tracker.core.message import KIND_OF_TOPIC
from services.tracker.filling import Source
from services.tracker.rebuild import Plan, RebuildError, Rebuilt, Tell, rebuild
from services.tracker.settings import Settings
from shared.contract.errors import TransientError
from shared.runtime import failpoints
from shared.runtime.collecting import collect_seldom
from shared.runtime.kafka import StaleDataError
from shared.runtime.settings import SettingsError
from shared.runtime.telemetry import configure_logging

_COMMAND: Final = "rebuild"


def rebuild_model(
    restart: Annotated[
        bool,
        typer.Option(
            "--restart", help="Throw away what an interrupted rebuild has made, and begin anew."
        ),
    ] = False,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept-differences",
            help="Put the new tables in place although they differ from the old; for when the old"
            " ones are known to be wrong, or were made by an older version.",
        ),
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many processes fill the new tables at a time; by default one for each core.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the tracker's tables anew from the topics, compare them, and put them in place.

    The tracker goes on meanwhile: it is read from all the time, and waits with what is new for a
    moment twice. The new tables are filled beside the old ones (schema `tracker_next`), compared
    with them at a moment when both have read equally far (a checksum of every table), and only if
    they say the same exchanged in one transaction. The old ones are kept as `tracker_before` until
    the next rebuild.

    Killed at any moment it leaves the tracker as it is; run again, it goes on where it was.

    Reads the variables that the tracker reads (KAFKA_…, DATABASE_URL, TIERLINE_TOPIC_PREFIX,
    TRACKER_LATE_AFTER). DATABASE_URL must name the owner of the schemas, as for `tierline migrate`.

    Exit codes: 0 rebuilt and in place, 1 the tables differ (nothing was exchanged), another rebuild
    is at work, or Kafka or PostgreSQL is away, 2 wrong use.
    """
    # Standard output is for what came of it.
    configure_logging(_COMMAND, "text")
    failpoints.arm(os.environ)
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        fail(_COMMAND, str(error), code=WRONG_USE)
    collect_seldom()
    source = Source(
        url=settings.database_url.get_secret_value(),
        kafka=settings.kafka,
        topics={settings.topic(name): name for name in KIND_OF_TOPIC},
        clock=settings.clock,
        late_after_s=settings.late_after.total_seconds() * settings.clock_speed,
    )
    plan = Plan(source, processes or os.cpu_count() or 1, restart=restart, accept=accept)
    try:
        with progress() as bar:
            task = bar.add_task("beginning", total=None)
            done = asyncio.run(rebuild(plan, _teller(bar, task)))
    except (RebuildError, StaleDataError) as error:
        fail(_COMMAND, str(error))
    except TransientError as error:
        fail(_COMMAND, f"{error}. Run it again: it goes on where it was.")
    if as_json:
        print_json(_document(done))
    else:
        _say(done)
    if not done.exchanged:
        raise typer.Exit(1)


def _teller(bar: Progress, task: TaskID) -> Tell:
    def tell(what: str, done: int, total: int) -> None:
        bar.update(task, description=what, completed=done, total=total)

    return tell


def _document(done: Rebuilt) -> dict[str, object]:
    return {
        "exchanged": done.exchanged,
        "resumed": done.resumed,
        "records": done.records,
        "tables": {
            name: {"rows": one.rows, "checksum": str(one.sum)}
            for name, one in done.checksums.items()
        },
        "differences": [
            {
                "table": one.table,
                "rows_before": one.old.rows,
                "rows_now": one.new.rows,
                "names": list(one.names),
            }
            for one in done.differences
        ],
    }


def _say(done: Rebuilt) -> None:
    for name, one in done.checksums.items():
        typer.echo(f"{name}: {one.rows} rows")
    for other in done.differences:
        typer.echo(
            f"{other.table} differs: {other.old.rows} rows before, {other.new.rows} now;"
            f" such as {', '.join(other.names)}",
            err=True,
        )
    if not done.exchanged:
        typer.echo(
            "Nothing was exchanged. Where the new tables are the right ones, run it with"
            " --accept-differences.",
            err=True,
        )
    elif done.differences:
        typer.echo("The new tables are in use; the old ones are in the schema tracker_before.")
    else:
        typer.echo("Old and new say the same; the new tables are in use.")
