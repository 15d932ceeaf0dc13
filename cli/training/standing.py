"""`tierline training status`: who is trained for what, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from cli.output import AsJson, print_json, show
from cli.training.certificates import certificate
from cli.training.library import Curriculum
from cli.training.place import Place, day_of
from cli.training.records import Record
from services.notifier.core.roster import Roster

_COMMAND: Final = "training status"
_GOAL: Final = 95
"""Per cent of certificates that are valid, under which the head of support is to act."""
_OF_A_QUEUE: Final = frozenset({"t1_agent", "t2_specialist", "t3_responder"})
"""Roles that a roster gives to a group; who is in it the records say."""


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
    found = place.curriculum(_COMMAND, place.policy(_COMMAND))
    day, known = day_of(_COMMAND, today), place.records(_COMMAND)
    rows: list[dict[str, Any]] = []
    for name, roles in _team(place.roster(_COMMAND), known).items():
        if (role and role not in roles) or (person and person != name):
            continue
        own = [one for one in known if one.person == name]
        rows += [
            {"person": name, **asdict(certificate(letter, path, own, day))}
            for letter, path in found.paths.items()
            if path.is_for(roles)
        ]
    valid = sum(one["state"] in ("valid", "renew") for one in rows)
    share = round(100 * valid / len(rows), 1) if rows else 100.0
    if as_json:
        print_json({"today": day, "valid_per_cent": share, "certificates": rows})
    else:
        _tell(rows, share, found)
    if valid < len(rows):
        raise typer.Exit(1)


def _team(roster: Roster, known: Sequence[Record]) -> dict[str, set[str]]:
    """Return everybody with their roles: people of the roster, and of the records."""
    found: dict[str, set[str]] = {}
    groups = {roster.roles[role].contact for role in _OF_A_QUEUE if role in roster.roles}
    for role, seat in roster.roles.items():
        if seat.contact is not None and seat.contact not in groups:
            found.setdefault(roster.contacts[seat.contact].name, set()).add(role)
    for one in known:
        found.setdefault(one.person, set()).update(one.roles)
    return found


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
