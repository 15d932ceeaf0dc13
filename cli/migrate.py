"""`tierline migrate`: bring the services' schemas in PostgreSQL up to date."""

from __future__ import annotations

import asyncio
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console

from cli.output import WRONG_USE, AsJson, fail, print_json
from shared.runtime.database import DatabaseUnavailableError
from shared.runtime.migrations import SERVICES
from shared.runtime.migrations import migrate as migrate_schemas


def migrate(
    services: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SERVICE]…",
            help=f"Which schemas; all when none is named: {', '.join(SERVICES)}.",
        ),
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(envvar="DATABASE_URL", help="postgresql://…; the schemas' owner."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the schemas of the services up to date, each in one transaction.

    Safe to run twice, and on several machines at once: whoever comes second waits for the first
    and finds nothing to do. Services refuse to start on a schema that is not theirs, so run this
    before them.

    Exit codes: 0 all are up to date, 1 PostgreSQL is away or a step failed (that schema is as it
    was), 2 wrong use.
    """
    if urlsplit(database_url or "").scheme not in {"postgresql", "postgres"}:
        fail("migrate", "DATABASE_URL must name a postgresql://… database", code=WRONG_USE)
    unknown = set(services or ()) - set(SERVICES)
    if unknown:
        known = ", ".join(SERVICES)
        said = f"no schema of {', '.join(sorted(unknown))}; those that have one: {known}"
        fail("migrate", said, code=WRONG_USE)
    try:
        with Console(stderr=True).status("migrating"):
            steps = asyncio.run(migrate_schemas(database_url or "", services or SERVICES))
    except DatabaseUnavailableError as error:
        fail("migrate", f"{error}. Is DATABASE_URL right, and is PostgreSQL up?")
    if as_json:
        print_json(steps)
        return
    for service, step in steps.items():
        typer.echo(f"{service}: at {step}")
