"""`tierline training quiz`: the questions of a path, asked one by one."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from cli.output import WRONG_USE, AsJson, fail, print_json
from cli.training.place import Place, known_roles, recorded
from cli.training.quiz import Asked, drawn, right_ones
from shared.runtime.clock import real_now

_COMMAND: Final = "training quiz"


def quiz(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="The letter of a path, A to H.")],
    person: Annotated[str, typer.Option("--person", metavar="NAME", help="Who answers.")],
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE", help="A role of the person, repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the questions of a path, one by one, and record the result.

    Which questions are drawn depends on person, path and day. Answer with the number of a choice;
    anything else is a wrong answer.

    Example: `tierline training quiz B --person ann --role t1_agent`

    Exit codes: 0 passed, 1 not passed, or a file cannot be used, 2 wrong use, or broken off.
    """
    place: Place = ctx.obj
    rules = place.policy(_COMMAND)
    roles = known_roles(_COMMAND, role or (), rules)
    found, fill = place.curriculum(_COMMAND, rules), place.fill(_COMMAND, rules)
    if path not in found.paths:
        fail(_COMMAND, f"there is no path {path}; known: {', '.join(found.paths)}", code=WRONG_USE)
    now, wanted = real_now(), found.paths[path]
    pool = [found.lessons[one] for one in wanted.lessons]
    asked = drawn(pool, wanted.questions, fill, seed=f"{person}|{path}|{now.date()}")
    answers = [_answer(n, one, len(asked)) for n, one in enumerate(asked, start=1)]
    right = right_ones(asked, answers)
    passed = sum(right) >= wanted.passed_at * len(asked)
    points = round(100 * sum(right) / len(asked), 1)
    made = recorded(now, person, roles, rules, kind="quiz", item=path, points=points, passed=passed)
    place.keep(_COMMAND, made)
    wrong = [one for one, ok in zip(asked, right, strict=True) if not ok]
    if as_json:
        print_json({**made.model_dump(mode="json"), "wrong": [one.id for one in wrong]})
    else:
        for one in wrong:
            typer.echo(f"{one.id}: {one.ask} {one.choices[one.answer - 1]}. {one.why}")
        verdict = "passed" if passed else "not passed"
        typer.echo(f"{sum(right)} of {len(asked)} right, {verdict} ({wanted.name})")
    if not passed:
        raise typer.Exit(1)


def _answer(number: int, one: Asked, of: int) -> int | None:
    """Ask *one* on standard error and return the choice, or None where none was made.

    Whoever hangs up has not failed: the command ends.
    """
    typer.echo(f"\n{number}/{of}  {one.ask}", err=True)
    for n, choice in enumerate(one.choices, start=1):
        typer.echo(f"   {n}  {choice}", err=True)
    typer.echo("> ", err=True, nl=False)
    line = sys.stdin.readline()
    if not line:
        typer.echo(err=True)
        said = f"the answers ended at question {number} of {of}; nothing was recorded, begin again"
        fail(_COMMAND, said, code=WRONG_USE)
    return next((n for n in range(1, len(one.choices) + 1) if line.strip() == str(n)), None)
