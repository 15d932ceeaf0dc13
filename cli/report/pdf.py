"""A report as PDF: A4, one fixed font that every reader has, nothing embedded and nothing fetched."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cli.report.document import Document, Table
from cli.report.plain import bar_lines, flow_lines

_WIDTH, _HEIGHT, _MARGIN = 842, 595, 42  # A4 lying down, in points
_SIZE, _LEADING = 8, 10
_ADVANCE: Final = 0.6 * _SIZE  # every letter of Courier is as wide
_COLUMNS: Final = int((_WIDTH - 2 * _MARGIN) / _ADVANCE)
_LINES: Final = (_HEIGHT - 2 * _MARGIN) // _LEADING - 2
_GAP: Final = 2
_NARROWEST: Final = 8
_BLOCKS: Final = re.compile("█+")
_SPELLED: Final = str.maketrans({"→": ">", "█": " ", "✓": "v", "✗": "x", "\u202f": " "})


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    bold: bool = False


def pdf(document: Document) -> str:
    """Return *document* as the text of a PDF file, all of it ASCII.

    Letters that Windows-1252 does not have become question marks; the page by `--format html` has
    every letter, and prints as well.
    """
    lines = list(_lines(document))
    pages = [lines[first : first + _LINES] for first in range(0, len(lines), _LINES)]
    first_page = 5
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(pages)))
    bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>",
        _font("Courier"),
        _font("Courier-Bold"),
    ]
    for number, page in enumerate(pages):
        foot = f"{document.title}, page {number + 1} of {len(pages)}"
        stream = "\n".join(_drawn(page, foot))
        bodies += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}]"
            " /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >>"
            f" /Contents {first_page + 2 * number + 1} 0 R >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    return _file(bodies)


def _file(bodies: Sequence[str]) -> str:
    """Return the file of the objects *bodies*, numbered from 1, with the table of their places."""
    told, places = "%PDF-1.4\n", list[int]()
    for number, body in enumerate(bodies, start=1):
        places.append(len(told))
        told += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    count = len(bodies) + 1
    return (
        f"{told}xref\n0 {count}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{len(told)}\n%%EOF\n"
    )


def _font(name: str) -> str:
    return f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"


def _drawn(page: Sequence[_Line], foot: str) -> Iterator[str]:
    top = _HEIGHT - _MARGIN - _SIZE
    for number, line in enumerate(page):
        below = top - number * _LEADING
        for run in _BLOCKS.finditer(line.text):
            left, wide = _MARGIN + run.start() * _ADVANCE, len(run[0]) * _ADVANCE
            yield f"{left:.1f} {below} {wide:.1f} {_SIZE - 2} re f"
        yield _shown(line.text, below, "F2" if line.bold else "F1")
    yield _shown(foot, _MARGIN, "F1")


def _shown(text: str, below: int, font: str) -> str:
    raw = text.translate(_SPELLED).encode("cp1252", "replace")
    told = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"()\\" else f"\\{byte:03o}"  # noqa: PLR2004  what ASCII prints
        for byte in raw
    )
    return f"BT /{font} {_SIZE} Tf {_MARGIN} {below} Td ({told}) Tj ET"


def _lines(document: Document) -> Iterator[_Line]:
    yield _Line(document.title, bold=True)
    yield from _wrapped(document.about)
    for section in document.sections:
        yield _Line("")
        yield _Line(section.title, bold=True)
        for sentence in section.lines:
            yield from _wrapped(sentence)
        for table in section.tables:
            yield _Line("")
            if table.title:
                yield _Line(table.title, bold=True)
            yield from _rows(table)
        for bars in section.bars:
            yield from (_Line(""), *map(_Line, bar_lines(bars)))
        for flow in section.flows:
            yield from (_Line(""), *map(_Line, flow_lines(flow)))


def _wrapped(sentence: str) -> Iterator[_Line]:
    yield from map(_Line, textwrap.wrap(sentence, _COLUMNS))


def _rows(table: Table) -> Iterator[_Line]:
    """Yield the rows of *table*, cells wrapped into columns that together fit the page."""
    rows = [table.head, *table.rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(table.head))]
    while sum(widths) + _GAP * len(widths) > _COLUMNS and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    for number, row in enumerate(rows):
        cells = [
            textwrap.wrap(cell, max(1, width)) or [""]
            for cell, width in zip(row, widths, strict=True)
        ]
        for n in range(max(map(len, cells), default=0)):
            parts = [cell[n] if n < len(cell) else "" for cell in cells]
            told = (" " * _GAP).join(
                f"{part:<{width}}" for part, width in zip(parts, widths, strict=True)
            )
            yield _Line(told.rstrip(), bold=number == 0)
