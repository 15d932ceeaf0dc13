"""Options that the words of `tierline dead-letters` share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli.dead_letters.notifier import Wanted
from cli.output import WRONG_USE, fail


class Of(StrEnum):
    """Which of the two kinds of dead letters."""

    NOTICE = "notice"
    RECORD = "record"


OfKind = Annotated[
    Of | None,
    typer.Option(
        "--kind", help="Only notices that were given up, or only records that could not be read."
    ),
]
OfTicket = Annotated[
    str | None,
    typer.Option(
        "--ticket", metavar="KEY", help="Only notices about this ticket, such as desk:INC7."
    ),
]
OfWhy = Annotated[
    str | None,
    typer.Option(
        "--why", metavar="WORD", help="Only what failed for this reason, as the list has it."
    ),
]
NotifierUrl = Annotated[
    str,
    typer.Option(
        "--notifier",
        metavar="URL",
        envvar="TIERLINE_NOTIFIER_URL",
        help="Where the running notifier is.",
    ),
]


def wanted(command: str, kind: Of | None, ticket: str | None, why: str | None) -> Wanted:
    """Return which letters are meant; end the command where there cannot be any."""
    if ticket is not None and kind is Of.RECORD:
        message = "--ticket goes with notices: a record that cannot be read belongs to no ticket"
        fail(command, message, code=WRONG_USE)
    if kind is Of.NOTICE or ticket is not None:
        return Wanted(("notice",), ticket, why)
    return Wanted(("record",), None, why) if kind is Of.RECORD else Wanted(why=why)
