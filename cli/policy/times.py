"""When something shall hold, as people write it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cli.output import WRONG_USE, fail

At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="From when it holds, such as 2026-03-02T14:00:00Z."),
]


def moment(command: str, text: str | None) -> datetime | None:
    """Return the time that *text* names, None where none is named; else end *command*."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        fail(command, f"--at {text}: write it as 2026-03-02T14:00:00Z", code=WRONG_USE)
    return found
