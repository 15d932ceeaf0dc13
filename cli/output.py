"""What every command shares: exit codes, errors in one line, results as JSON, progress."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final, NoReturn

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

DONE: Final = 0
PROBLEM: Final = 1
"""What was asked could not be done, or was found wanting."""
WRONG_USE: Final = 2
"""The command itself was wrong: an option, a missing file, an address that was not given."""

_WIDE: Final = 160

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def fail(command: str, message: str, *, code: int = PROBLEM) -> NoReturn:
    """End the command with *code* and *message* on standard error."""
    typer.echo(f"tierline {command}: {message}", err=True)
    raise typer.Exit(code)


def print_json(result: Any) -> None:
    """Print *result* as one JSON object on standard output."""
    typer.echo(to_json(result, indent=2).decode())


def show(table: Table) -> None:
    """Print *table*, as wide as the terminal, and wide where there is none."""
    console = Console()
    (console if console.is_terminal else Console(width=_WIDE)).print(table, markup=False)


def progress() -> Progress:
    """Return a bar on standard error: only at a terminal, only while standard output is not one."""
    quiet = not sys.stderr.isatty() or sys.stdout.isatty()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True)
