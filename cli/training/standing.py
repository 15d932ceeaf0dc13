"""`tierline training status`: who is trained for what, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from cli.output import AsJson, print_json, show
from cli.training.cover import seats, team
from cli.training.library import Curriculum
from cli.training.place import Place, day_of, known_roles

_COMMAND: Final = "training status"
_GOAL: Final = 95
"""Per cent of certificates that are valid, under which the head of support is to act."""


def status(
    ctx: typer.Context,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help="Only who has this role.")
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="NAME", help="Only this person.")
    ] = None,
    today: Annotated[
        str | None, typer.Option("--today", metavar="DATE", help="The day; default: today.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who is trained for what: certificates, until when they hold, what is missing.

    The team is everybody of the roster who has a role, and everybody in the records. A certificate
    is to be renewed a month before it ends.

    Example: `tierline training status --role t1_lead`

    Exit codes: 0 all valid, 1 somebody lacks one, or a file cannot be used, 2 wrong use.
    """
    place: Place = ctx.obj
    rules = place.policy(_COMMAND)
    if role is not None:
        known_roles(_COMMAND, [role], rules)
    found = place.curriculum(_COMMAND, rules)
    day, known = day_of(_COMMAND, today), place.records(_COMMAND)
    people = {
        name: roles
        for name, roles in team(place.roster(_COMMAND), known).items()
        if (not role or role in roles) and (not person or person == name)
    }
    stands = seats(found.paths, people, known, day)
    rows = [{"person": one.person, **asdict(one.certificate)} for one in stands]
    valid = sum(one.valid for one in stands)
    share = round(100 * valid / len(rows), 1) if rows else 100.0
    if as_json:
        print_json({"today": day, "valid_per_cent": share, "certificates": rows})
    else:
        _tell(rows, share, found)
    if valid < len(rows):
        raise typer.Exit(1)


def _tell(rows: Sequence[dict[str, Any]], share: float, found: Curriculum) -> None:
    table = Table()
    for column in ("person", "path", "state", "until", "still to do"):
        table.add_column(column)
    for one in rows:
        path = f"{one['path']} {found.paths[one['path']].name}"
        until = "" if one["until"] is None else str(one["until"])
        table.add_row(one["person"], path, one["state"], until, "; ".join(one["lacking"]))
    show(table)
    act = f"; under {_GOAL} %, so the head of support acts" if share < _GOAL else ""
    typer.echo(f"{share:g} % of the certificates are valid{act}")
