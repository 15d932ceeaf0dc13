"""`tierline training lessons`: what a role has to know, with the numbers of the policy."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from cli.output import WRONG_USE, AsJson, fail, print_json
from cli.training.place import Place, known_roles
from cli.training.quiz import Fill, filled, plain
from cli.training.shape import Lesson

_COMMAND: Final = "training lessons"


def lessons(
    ctx: typer.Context,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help="Only what this role needs.")
    ] = None,
    show: Annotated[
        str | None, typer.Option("--show", metavar="ID", help="Show this lesson, and its answers.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the lessons by role, or show one: what to read in the handbook, and its questions.

    Example: `tierline training lessons --role t2_specialist`

    Example: `tierline training lessons --show B1`

    Exit codes: 0 listed, 1 a file cannot be used, 2 wrong use.
    """
    place: Place = ctx.obj
    rules = place.policy(_COMMAND)
    found, fill = place.curriculum(_COMMAND, rules), place.fill(_COMMAND, rules)
    if role is not None:
        known_roles(_COMMAND, [role], rules)
    if show is not None and show not in found.lessons:
        known = ", ".join(found.lessons)
        fail(_COMMAND, f"there is no lesson {show}; known: {known}", code=WRONG_USE)
    listed = found.lessons_for(role) if role else list(found.lessons.values())
    if show is not None:
        listed = [found.lessons[show]]
    if as_json:
        print_json([_lesson(one, fill) for one in listed])
        return
    for one in listed:
        typer.echo(f"{one.id}  {one.title}; read {', '.join(one.read)}")
        if show is not None:
            _tell(one, fill)


def _lesson(one: Lesson, fill: Fill) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "read": list(one.read),
        "text": plain(fill(one.id, one.text)).strip(),
        "questions": [filled(question, fill)._asdict() for question in one.questions],
    }


def _tell(one: Lesson, fill: Fill) -> None:
    typer.echo(f"\n{plain(fill(one.id, one.text)).strip()}\n")
    for question in one.questions:
        asked = filled(question, fill)
        typer.echo(f"{asked.id}  {asked.ask}")
        for n, choice in enumerate(asked.choices, start=1):
            typer.echo(f"      {'*' if n == asked.answer else ' '} {choice}")
        typer.echo(f"        {asked.why}")
