"""`tierline training`: learn, answer, record, and see who is trained for what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.roleplay.library import TRAINING
from cli.training.answering import quiz
from cli.training.learning import lessons
from cli.training.place import RECORDS, ROSTER, Place
from cli.training.recording import record
from cli.training.standing import status

app = typer.Typer(
    name="training",
    help="Lessons by role, questions, records, and who is trained for what.\n\n"
    "Records lie in a file of their own, which you choose; nothing of it reaches a topic or a"
    " database. Results of single people are for them and their lead.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)


@app.callback()
def training(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="Where paths and lessons lie.")
    ] = TRAINING,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Whose numbers lessons have.")
    ] = None,
    roster: Annotated[
        Path, typer.Option("--roster", metavar="FILE", help="Who has which role.")
    ] = ROSTER,
    records: Annotated[
        Path, typer.Option("--records", metavar="FILE", help="The file of records.")
    ] = RECORDS,
) -> None:
    """Take what holds for every command of the training."""
    ctx.obj = Place(folder, policy, roster, records)


app.command("lessons")(lessons)
app.command("quiz")(quiz)
app.command("record")(record)
app.command("status")(status)
