"""Where a report goes: standard output, or a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.output import WRONG_USE, fail
from cli.report.document import Document, Format
from cli.report.page import html
from cli.report.pdf import pdf
from cli.report.plain import comma_separated, markdown, text

FormOption = Annotated[Format, typer.Option("--format", help="How it is written.")]

_WRITERS: Final[Mapping[Format, Callable[[Document], str]]] = {
    Format.TEXT: text,
    Format.MARKDOWN: markdown,
    Format.CSV: comma_separated,
    Format.HTML: html,
    Format.PDF: pdf,
}


def written(document: Document, form: Format) -> str:
    """Return *document* in *form*."""
    return _WRITERS[form](document)


def write(command: str, document: Document, form: Format, output: Path | None) -> None:
    """Write *document* to the file *output*, or to standard output for None."""
    whole = written(document, form)
    if output is None:
        typer.echo(whole, nl=not whole.endswith("\n"))
        return
    try:
        output.write_text(whole, encoding="utf-8")
    except OSError as error:
        fail(command, f"cannot write {output}: {error.strerror}; name another file", code=WRONG_USE)
