"""`tierline review decide|done|close|follow`: what reviews decide, and what becomes of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.output import WRONG_USE, AsJson, fail, print_json, show
from cli.review.journal import Entry, JournalError, finish, read_journal
from cli.review.journal import decide as written
from shared.runtime.clock import Clock

Journal = Annotated[
    Path, typer.Option("--journal", metavar="FILE", help="The file of decisions; made if need be.")
]
On = Annotated[
    str | None, typer.Option("--on", metavar="DATE", help="The day it happened; default: today.")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The decision, such as R3.")]

JOURNAL = Path("reviews.jsonl")


def decide(  # noqa: PLR0913, PLR0917  one option for each thing that is recorded
    text: Annotated[str, typer.Argument(help="What was decided, in a sentence.")],
    owner: Annotated[str, typer.Option(help="Who does it.")],
    due: Annotated[str, typer.Option(metavar="DATE", help="Until when, as 2026-11-20.")],
    metric: Annotated[
        str | None,
        typer.Option(help="The figure that shows its effect, such as reopen_rate (from --json)."),
    ] = None,
    before: Annotated[float | None, typer.Option(help="That figure now.")] = None,
    journal: Journal = JOURNAL,
    on: On = None,
    as_json: AsJson = False,
) -> None:
    """Record a decision of a review, with its owner, its due date and how it is measured.

    Example: `tierline review decide "Route printer tickets to Group 24" --owner t1_lead
    --due 2026-11-20 --metric ping_pong_rate`

    Exit codes: 0 recorded, 1 the journal cannot be used, 2 wrong use.
    """
    try:
        entry = written(
            journal,
            {
                "on": _day("decide", on),
                "text": text,
                "owner": owner,
                "due": _day("decide", due),
                "metric": metric,
                "before": before,
            },
        )
    except JournalError as error:
        fail("review decide", str(error))
    _say(entry, as_json=as_json)


def done(name: Id, journal: Journal = JOURNAL, on: On = None, as_json: AsJson = False) -> None:
    """Record that a decision was carried out; from now on its metric is measured for eight weeks.

    Exit codes: 0 recorded, 1 there is no such decision, 2 wrong use.
    """
    try:
        entry = finish(journal, name, _day("done", on), None, None)
    except JournalError as error:
        fail("review done", str(error))
    _say(entry, as_json=as_json)


def close(
    name: Id,
    result: Annotated[str, typer.Option(help="What came of it; `done, no effect` is a result.")],
    after: Annotated[float | None, typer.Option(help="The figure after eight weeks.")] = None,
    journal: Journal = JOURNAL,
    on: On = None,
    as_json: AsJson = False,
) -> None:
    """Close a decision; one with a metric only once that was measured for eight weeks.

    Exit codes: 0 closed, 1 it cannot be closed yet, or there is none of that name, 2 wrong use.
    """
    try:
        entry = finish(journal, name, _day("close", on), result, after)
    except JournalError as error:
        fail("review close", str(error))
    _say(entry, as_json=as_json)


def follow(journal: Journal = JOURNAL, on: On = None, as_json: AsJson = False) -> None:
    """List the decisions, those overdue marked.

    Exit codes: 0 listed, 1 the journal cannot be read, 2 wrong use.
    """
    today = _day("follow", on)
    try:
        entries = read_journal(journal)
    except JournalError as error:
        fail("review follow", str(error))
    if as_json:
        print_json({"decisions": [one.document() for one in entries]})
        return
    table = Table(
        "id", "decision", "owner", "due", "measured by", "state", "before", "after", "result"
    )
    for one in entries:
        late = " overdue" if one.state == "open" and one.due < today else ""
        table.add_row(
            one.id,
            one.text,
            one.owner,
            f"{one.due}{late}",
            one.metric or "",
            one.state,
            _number(one.before),
            _number(one.after),
            one.result or "",
        )
    show(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _day(command: str, text: str | None) -> date:
    if text is None:
        return Clock().now().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"review {command}", f"{text}: write a day as 2026-11-20", code=WRONG_USE)


def _say(entry: Entry, *, as_json: bool) -> None:
    if as_json:
        print_json(entry.document())
    else:
        typer.echo(f"{entry.id} {entry.state}: {entry.text} ({entry.owner}, due {entry.due})")
