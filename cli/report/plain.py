"""A report as text for a terminal, as Markdown, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final

from cli.report.document import Bars, Document, Flow, Table

_WIDTH: Final = 40
_FULL: Final = "█"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def text(document: Document) -> str:
    """Return *document* for a terminal."""
    told = [document.title, document.about, ""]
    for section in document.sections:
        told += [section.title, "=" * len(section.title)]
        told += section.lines
        for table in section.tables:
            told += ["", *([table.title] if table.title else []), *_columns(table)]
        for bars in section.bars:
            told += ["", *bar_lines(bars)]
        for flow in section.flows:
            told += ["", *flow_lines(flow)]
        told.append("")
    return "\n".join(told)


def markdown(document: Document) -> str:
    """Return *document* as Markdown."""
    told = [f"# {document.title}", "", document.about, ""]
    for section in document.sections:
        told += [f"## {section.title}", ""]
        told += [f"{_escaped(line)}\n" for line in section.lines]
        for table in section.tables:
            told += [f"**{table.title}**\n"] if table.title else []
            told.append(_row(table.head))
            told.append("|" + " --- |" * len(table.head))
            told += [*(_row(row) for row in table.rows), ""]
        for bars in section.bars:
            told += ["```text", *bar_lines(bars), "```", ""]
        for flow in section.flows:
            told += ["```text", *flow_lines(flow), "```", ""]
    return "\n".join(told)


def comma_separated(document: Document) -> str:
    """Return the tables and pictures of *document* as CSV: section, table, then the cells."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    for section in document.sections:
        for line in section.lines:
            rows.writerow([section.title, "text", harmless(line)])
        for table in section.tables:
            rows.writerow([section.title, table.title, *table.head])
            for row in table.rows:
                rows.writerow([section.title, table.title, *map(harmless, row)])
        for bars in section.bars:
            for label, values in bars.rows:
                rows.writerow([section.title, bars.title, harmless(label), *values])
        for flow in section.flows:
            for (step, source), (_, target), count in flow.bands:
                column = flow.columns[step]
                rows.writerow([section.title, flow.title, column, source, target, count])
    return out.getvalue()


def harmless(cell: str) -> str:
    """Return *cell* so that no spreadsheet takes what somebody wrote for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def bar_lines(bars: Bars) -> Iterator[str]:
    """Yield *bars* as lines of blocks, the longest as wide as all may be."""
    yield bars.title
    longest = max((value for _, values in bars.rows for value in values), default=0)
    wide = max((len(label) for label, _ in bars.rows), default=0)
    names = max((len(name) for name in bars.series), default=0)
    for label, values in bars.rows:
        for number, value in enumerate(values):
            blocks = _FULL * round(_WIDTH * value / longest) if longest else ""
            head = label if number == 0 else ""
            name = bars.series[number] if number < len(bars.series) else ""
            yield f"  {head:<{wide}} {name:<{names}} {blocks} {value:,.0f}"


def flow_lines(flow: Flow) -> Iterator[str]:
    """Yield *flow* as lines, one for each band, under the column that it leaves."""
    yield flow.title
    wide = max((len(source) for (_, source), _, _ in flow.bands), default=0)
    step = -1
    for (column, source), (_, target), count in flow.bands:
        if column != step:
            yield f"  {flow.columns[column]}"
            step = column
        yield f"    {source:<{wide}} → {target} {count:,}"


def _columns(table: Table) -> Iterator[str]:
    rows = [table.head, *table.rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(table.head))]
    for number, row in enumerate(rows):
        told = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"  {told}".rstrip()
        if number == 0:
            yield "  " + "  ".join("-" * width for width in widths)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    told = text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    return told.replace("<", "&lt;").replace("`", "\\`").replace("*", "\\*").replace("_", "\\_")
