"""`tierline training record`: a role-play that was run, or what somebody signs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic_core import from_json

from cli.output import WRONG_USE, AsJson, fail, print_json
from cli.training.place import Place, known_roles, recorded
from shared.runtime.clock import real_now

_COMMAND: Final = "training record"


def record(
    ctx: typer.Context,
    person: Annotated[str, typer.Option("--person", metavar="NAME", help="Who it is about.")],
    result: Annotated[
        Path | None,
        typer.Option("--result", metavar="FILE", help="What `roleplay run --json` printed."),
    ] = None,
    signed: Annotated[
        str | None,
        typer.Option("--signed", metavar="WHAT", help="Something that is signed, with --by."),
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who signs it.")] = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE", help="A role of the person, repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record a role-play that was run, or what a lead, manager or trainer signs.

    Marks are never typed in: they come from the result of the run itself.

    Example: `tierline training record --person ann --result r02.json`

    Example: `tierline training record --person max --signed shadow_week --by mona`

    Exit codes: 0 recorded, 1 it cannot be, 2 wrong use.
    """
    place: Place = ctx.obj
    rules, now = place.policy(_COMMAND), real_now()
    roles = known_roles(_COMMAND, role or (), rules)
    if (result is None) == (signed is None):
        fail(_COMMAND, "say one of --result and --signed", code=WRONG_USE)
    if result is not None:
        more = {"kind": "roleplay", "by": by, **_played(result)}
    elif by is None or by == person:
        fail(_COMMAND, "--signed needs --by, and nobody signs for themselves", code=WRONG_USE)
    elif signed not in (known := place.curriculum(_COMMAND, rules).signed()):
        fail(_COMMAND, f"no path asks for {signed}; asked for: {', '.join(known)}", code=WRONG_USE)
    else:
        more = {"kind": "signed", "by": by, "item": signed, "points": 100.0, "passed": True}
    made = recorded(now, person, roles, rules, **more)
    place.keep(_COMMAND, made)
    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        verdict = "passed" if made.passed else "not passed"
        typer.echo(f"{made.person}, {made.item}, {made.points:g} points, {verdict}")


def _played(result: Path) -> dict[str, Any]:
    try:
        told = from_json(result.read_bytes())
        return {
            "item": str(told["roleplay"]),
            "points": float(told["points"]),
            "passed": bool(told["passed"]),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        fail(_COMMAND, f"{result} is no result of `roleplay run --json`: {error}")
