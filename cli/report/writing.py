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

_WRITERS: Final[Mapping[Format, Callable[[Document], str | bytes]]] = {
    Format.TEXT: text,
    Format.MARKDOWN: markdown,
    Format.CSV: comma_separated,
    Format.HTML: html,
    Format.PDF: pdf,
}


def written(document: Document, form: Format) -> bytes:
    """Return *document* in *form*; what is text is UTF-8 and ends its last line."""
    whole = _WRITERS[form](document)
    if isinstance(whole, bytes):
        return whole
    return (whole if whole.endswith("\n") else f"{whole}\n").encode()


def write(command: str, document: Document, form: Format, output: Path | None) -> None:
    """Write *document* to the file *output*, or to standard output for None."""
    whole = written(document, form)
    if output is None:
        typer.echo(whole, nl=False)
        return
    try:
        output.write_bytes(whole)
    except OSError as error:
        fail(command, f"cannot write {output}: {error.strerror}; name another file", code=WRONG_USE)
