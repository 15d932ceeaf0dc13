"""`tierline backtest`: who would have been called when, had another policy held."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.answer_after import AnswerAfterOption, answered_after
from cli.backtest.candidate import CalendarOption, ChangeOption, candidate, present, roster_text
from cli.backtest.racing import TrialFailedError, compared
from cli.backtest.telling import PageOption, RowsOption, tell
from cli.backtest.trial import Trial
from cli.output import WRONG_USE, AsJson, fail, progress
from cli.policy.live import EscalatorUrls
from cli.report.document import Format
from cli.report.writing import FormOption
from cli.time_given import time_given

_COMMAND = "backtest"


def backtest(  # noqa: PLR0913, PLR0917  one option for each thing that a candidate may change
    history: Annotated[
        list[Path],
        typer.Option("--history", metavar="FILE", help="Events, one JSON a line; several times."),
    ],
    policy: Annotated[
        Path | None, typer.Option(metavar="NEW", help="The candidate; default: the present one.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="OLD",
            help="The present policy: a file, or `active` or a version of the running system;"
            " default: the shipped one.",
        ),
    ] = None,
    change: ChangeOption = None,
    calendar: CalendarOption = None,
    roster: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Count calls by person, of this roster, not by role."),
    ] = None,
    new_roster: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The candidate's roster, if another.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Let time pass up to TIME after the end.")
    ] = None,
    answer_after: AnswerAfterOption = None,
    rows: RowsOption = 20,
    form: FormOption = Format.TEXT,
    html: PageOption = None,
    escalators: EscalatorUrls = None,
    as_json: AsJson = False,
) -> None:
    """Run a candidate policy and the present one over real history, and compare.

    The same engine as the live one decides, twice and side by side, each in a process of its own.
    The report says who would have been called when, which broken promises appear or vanish, and the
    load of each person and tier. What both do takes no memory; an unchanged policy differs nowhere.
    The history is what happened: had people been called earlier, they might have acted earlier, and
    no backtest knows that. Who took a call is seldom in it; assume it with --answer-after.

    Example: `tierline backtest --history events.jsonl --set cells.S3.I2.t1_max=4h --html page.html`

    Exit codes: 0 nothing differs, 1 something does, 2 it cannot be said: wrong use, a file that
    cannot be read.
    """
    old = present(_COMMAND, against, escalators)
    new = candidate(_COMMAND, old, policy, calendar, change or [])
    people = roster_text(_COMMAND, roster)
    new_people = people if new_roster is None else roster_text(_COMMAND, new_roster)
    answers = answered_after(_COMMAND, answer_after)
    files = tuple(str(file) for file in history)
    end = None if until is None else time_given(_COMMAND, "--until", until)
    try:
        size = sum(file.stat().st_size for file in history)
    except OSError as error:
        fail(_COMMAND, f"cannot read {error.filename}: {error.strerror}", code=WRONG_USE)
    try:
        with progress() as bar:
            task = bar.add_task("running both policies", total=size)
            found = compared(
                {
                    "before": Trial(old.text, people, files, end, answers),
                    "after": Trial(new.text, new_people, files, end, answers),
                },
                lambda done: bar.update(task, completed=done),
            )
    except TrialFailedError as error:
        fail(_COMMAND, str(error), code=WRONG_USE)
    about = f"{old.name} version {old.version} → {new.name} version {new.version}, over {', '.join(files)}"
    tell(_COMMAND, found, "Backtest", about, rows=rows, form=form, page=html, as_json=as_json)
