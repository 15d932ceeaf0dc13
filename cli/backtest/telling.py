"""How the commands that compare two policies say what they have found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.backtest.comparison import Comparison
from cli.backtest.shown import report
from cli.output import print_json
from cli.report.document import Format
from cli.report.writing import write

RowsOption = Annotated[int, typer.Option(min=0, help="Show so many of each list; 0 shows all.")]
PageOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write a page with pictures, too.")
]

_DIFFERS: Final = 1


def tell(  # noqa: PLR0913  what is said, and each way in which it may be said
    command: str,
    found: Comparison,
    title: str,
    about: str,
    *,
    rows: int,
    form: Format,
    page: Path | None,
    as_json: bool,
) -> None:
    """Write *found* as it was asked for, and end with 1 where the policies differ."""
    document = report(found, title, about, rows)
    if page is not None:
        write(command, document, Format.HTML, page)
    if as_json:
        print_json(found.document(rows))
    else:
        write(command, document, form, None)
    if not found.is_same:
        raise typer.Exit(_DIFFERS)
