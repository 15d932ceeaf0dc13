"""A report as PDF: A4 lying down, in a font that every reader has; nothing is fetched."""

from __future__ import annotations

from typing import Final

from fpdf import FPDF, XPos, YPos
from fpdf.fonts import FontFace
from typing_extensions import override

from cli.report.document import Bars, Document, Flow, Section, Table
from cli.report.plain import flow_lines

_FONT: Final = "helvetica"
_FIXED: Final = "courier"
_ENCODING: Final = "windows-1252"
_SIZE: Final = 9
_LINE_MM: Final = 4.6
_LABEL_MM: Final = 60.0
_LONGEST_BAR_MM: Final = 170.0
_SHADES: Final = (90, 170)
_MOST: Final = 1500
"""Letters of a cell: a row has to fit on a page."""

_SPELLED: Final = str.maketrans({"→": ">", "█": "#", "✓": "v", "✗": "x", "\u202f": " "})


def pdf(document: Document) -> bytes:
    """Return *document* as a PDF file.

    Letters that Windows-1252 does not have become question marks; the page by `--format html` has
    every letter, and prints as well.
    """
    paper = _Paper(document.title)
    paper.add_page()
    paper.headline(document.title, 16)
    paper.line_of(document.about)
    for section in document.sections:
        _add(paper, section)
    return bytes(paper.output())


class _Paper(FPDF):
    def __init__(self, title: str) -> None:
        super().__init__(orientation="landscape", format="A4")
        self.core_fonts_encoding = _ENCODING
        self.set_title(title)
        self._foot = _spelled(title)
        self.set_font(_FONT, size=_SIZE)

    @override
    def footer(self) -> None:
        self.set_y(-12)
        self.cell(0, 8, f"{self._foot}, page {self.page_no()} of {{nb}}")

    def headline(self, text: str, size: int) -> None:
        self.ln(_LINE_MM)
        self.set_font(_FONT, "B", size)
        self.multi_cell(0, size * 0.5, _spelled(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(_FONT, size=_SIZE)

    def line_of(self, text: str, font: str = _FONT) -> None:
        self.set_font(font, size=_SIZE)
        self.multi_cell(0, _LINE_MM, _spelled(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(_FONT, size=_SIZE)


def _add(paper: _Paper, section: Section) -> None:
    paper.headline(section.title, 12)
    for line in section.lines:
        paper.line_of(line)
    for table in section.tables:
        _add_table(paper, table)
    for bars in section.bars:
        _add_bars(paper, bars)
    for flow in section.flows:
        _add_flow(paper, flow)


def _add_table(paper: _Paper, table: Table) -> None:
    if table.title:
        paper.headline(table.title, 10)
    widths = [
        min(60, max(8, *(len(row[n]) for row in (table.head, *table.rows))))
        for n in range(len(table.head))
    ]
    with paper.table(
        col_widths=widths, line_height=_LINE_MM, text_align="LEFT",
        headings_style=FontFace(emphasis="BOLD"),
    ) as shown:  # fmt: skip
        for row in (table.head, *table.rows):
            cells = shown.row()
            for cell in row:
                cells.cell(_spelled(cell[:_MOST]))


def _add_bars(paper: _Paper, bars: Bars) -> None:
    paper.headline(bars.title, 10)
    most = max((value for _, values in bars.rows for value in values), default=0) or 1
    for label, values in bars.rows:
        for number, (value, shade) in enumerate(zip(values, _SHADES, strict=False)):
            paper.cell(_LABEL_MM, _LINE_MM, "" if number else _spelled(label[:40]))
            paper.set_fill_color(shade)
            wide = _LONGEST_BAR_MM * value / most
            if wide > 0:
                paper.rect(paper.get_x(), paper.get_y() + 0.6, wide, _LINE_MM - 1.2, style="F")
            paper.set_x(paper.get_x() + wide + 1)
            paper.cell(0, _LINE_MM, f"{value:g}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _add_flow(paper: _Paper, flow: Flow) -> None:
    for line in flow_lines(flow):
        paper.line_of(line, _FIXED)


def _spelled(text: str) -> str:
    return text.translate(_SPELLED).encode(_ENCODING, "replace").decode(_ENCODING)
