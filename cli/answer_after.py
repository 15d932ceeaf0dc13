"""The option that assumes answers: histories seldom say who took what."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import WRONG_USE, fail
from shared.contract.times import Seconds
from shared.policy.notation import parse_positive_duration

AnswerAfterOption = Annotated[
    str | None,
    typer.Option(
        "--answer-after",
        metavar="TIME",
        help="Assume that people acknowledge so long after they are told, as `10m`, where the events"
        " do not say that anybody did; default: then nobody does, and ladders run to their ends.",
    ),
]


def answered_after(command: str, given: str | None) -> Seconds | None:
    """Return the seconds that *given* says, None where nothing is assumed."""
    try:
        return None if given is None else parse_positive_duration(given)
    except ValueError as error:
        fail(command, f"--answer-after {given}: {error}", code=WRONG_USE)
