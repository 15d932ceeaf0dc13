"""`tierline dead-letters list` and `show`: what could not be done, and everything about one."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from cli.dead_letters.notifier import NOTIFIER, NotifierError, RefusedError, notifier_at
from cli.dead_letters.options import NotifierUrl, OfKind, OfTicket, OfWhy, wanted
from cli.dead_letters.shown import letter_lines, letters_table
from cli.output import WRONG_USE, AsJson, fail, print_json, show


def list_letters(
    kind: OfKind = None,
    ticket: OfTicket = None,
    why: OfWhy = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Show no more than so many.")
    ] = 50,
    notifier: NotifierUrl = NOTIFIER,
    as_json: AsJson = False,
) -> None:
    """List the dead letters that nobody has dealt with, notices first, each kind newest first.

    A **notice** is dead when every way to its person refused it, or when it grew too old (6 hours
    for P1, else 24). A **record** is one of `tickets.tier-changes` that could not be read; the
    others went on. *why* is a word for programs, and the filter `--why` takes it.

    Example: `tierline dead-letters list --why smtp_552`

    Exit codes: 0 done, also where there is none, 2 wrong use, or nobody answers.
    """
    meant = wanted("dead-letters list", kind, ticket, why)
    try:
        with notifier_at(notifier) as office:
            found = list(islice(office.letters(meant), limit + 1))
    except NotifierError as error:
        fail("dead-letters list", str(error), code=WRONG_USE)
    letters, more = found[:limit], len(found) > limit
    if as_json:
        print_json({"letters": [one.model_dump(mode="json") for one in letters], "more": more})
        return
    if not letters:
        typer.echo("No dead letters.")
        return
    show(letters_table(letters))
    if more:
        typer.echo(f"There are more than these {limit}; show them with --limit.", err=True)


def show_letter(
    letter: Annotated[
        str, typer.Argument(metavar="ID", help="An id of `tierline dead-letters list`.")
    ],
    notifier: NotifierUrl = NOTIFIER,
    as_json: AsJson = False,
) -> None:
    """Tell everything about one dead letter, also after somebody has dealt with it.

    What it was to tell and by which rule, how it was tried and what the far side said, what was
    done to it, by whom and why; then the decision, or the bytes of the record, as they came.

    Example: `tierline dead-letters show record-3`

    Exit codes: 0 shown, 1 there is none, 2 wrong use, or nobody answers.
    """
    try:
        with notifier_at(notifier) as office:
            found = office.letter(letter)
    except RefusedError as error:
        fail("dead-letters show", str(error))
    except NotifierError as error:
        fail("dead-letters show", str(error), code=WRONG_USE)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    for line in letter_lines(found):
        typer.echo(line)
