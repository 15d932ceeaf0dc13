"""A report as one HTML file: no script, no request, pictures inside, and fit to be printed."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from cli.report.document import Bars, Document, Section, Table
from cli.report.sankey import sankey

_WIDE: Final = 640
_LABEL: Final = 220
_BAR: Final = 14
_GAP: Final = 8
_SERIES: Final = ("one", "two")
"""The classes of a bar: its colour is that of the theme."""

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#566575;--line:#c9d1da;--faint:#e3e8ee;--paper:#fff;--one:#47607a;--two:#c26a2b}
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.7rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}
table{border-collapse:collapse;width:100%;margin:.8rem 0}caption{text-align:left;font-weight:600}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--faint);vertical-align:top}
thead{display:table-header-group}tr{break-inside:avoid}figure{margin:1rem 0;break-inside:avoid}
nav a{margin-right:1rem;white-space:nowrap}.about{color:var(--soft)}a{color:inherit}
svg text{fill:currentColor}.one,.place{fill:var(--one)}.two{fill:var(--two)}
.band{fill:none;stroke:var(--one);stroke-opacity:.45}.band:hover{stroke-opacity:.8}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#a9b6c3;--line:#46525e;--faint:#333d47;--paper:#161b20;--one:#86a8c9;--two:#e39a63}}
@media print{:root{color-scheme:light;--ink:#000;--soft:#333;--line:#999;--faint:#ccc;--paper:#fff;--one:#47607a;--two:#c26a2b}
svg *{print-color-adjust:exact}@page{size:A4;margin:16mm}body{max-width:none;margin:0;font-size:10pt}nav{display:none}
h2{break-after:avoid}a{color:inherit;text-decoration:none}}
"""


def html(document: Document) -> str:
    """Return *document* as a page; printing it gives the PDF."""
    links = "".join(
        f'<a href="#s{number}">{escape(one.title)}</a> '
        for number, one in enumerate(document.sections, start=1)
    )
    body = "".join(
        part
        for number, one in enumerate(document.sections, start=1)
        for part in _section(number, one)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(document.title)}</title><style>{_STYLE}</style></head><body>"
        f'<header><h1>{escape(document.title)}</h1><p class="about">{escape(document.about)}</p>'
        f'</header><nav aria-label="Sections">{links}</nav><main>{body}</main></body></html>\n'
    )


def _section(number: int, section: Section) -> Iterator[str]:
    yield f'<section id="s{number}"><h2>{escape(section.title)}</h2>'
    for line in section.lines:
        yield f"<p>{escape(line)}</p>"
    for table in section.tables:
        yield from _table(table)
    for bars in section.bars:
        yield from _picture(bars)
    for flow in section.flows:
        yield from sankey(flow)
    yield "</section>"


def _table(table: Table) -> Iterator[str]:
    yield "<table>"
    if table.title:
        yield f"<caption>{escape(table.title)}</caption>"
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    yield f"<thead><tr>{head}</tr></thead><tbody>"
    for row in table.rows:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</tbody></table>"


def _picture(bars: Bars) -> Iterator[str]:
    longest = max((value for _, values in bars.rows for value in values), default=0) or 1
    height = sum(_BAR * len(values) + _GAP for _, values in bars.rows) + _GAP
    yield f"<figure><figcaption>{escape(bars.title)}</figcaption>"
    yield (
        f'<svg role="img" aria-label="{escape(bars.title)}" viewBox="0 0 {_WIDE + _LABEL} {height}"'
        f' width="100%" font-size="11" font-family="sans-serif">'
    )
    top = _GAP
    for label, values in bars.rows:
        yield f'<text x="{_LABEL - 8}" y="{top + _BAR - 3}" text-anchor="end">{escape(label)}</text>'
        for number, value in enumerate(values):
            long = (_WIDE - 80) * value / longest
            name = bars.series[number] if number < len(bars.series) else ""
            series = _SERIES[number % len(_SERIES)]
            yield f'<rect class="{series}" x="{_LABEL}" y="{top}" width="{long:.1f}" height="{_BAR - 2}"/>'
            yield (
                f'<text x="{_LABEL + long + 4:.1f}" y="{top + _BAR - 3}">'
                f"{escape(f'{value:,.0f} {name}'.strip())}</text>"
            )
            top += _BAR
        top += _GAP
    yield "</svg></figure>"
