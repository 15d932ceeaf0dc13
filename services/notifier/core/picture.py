"""Coverage as a picture: letters in a terminal, or a drawing (SVG) for a page."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from services.notifier.core.coverage import Coverage
from services.notifier.core.schedule import Shift, Span

CELLS_A_DAY: Final = 4
HOLE: Final = "!"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_COLOURS: Final = (
    *("#4477aa", "#66ccee", "#228833", "#ccbb44"),
    *("#aa3377", "#999933", "#88ccee", "#44aa99"),
)
_HOLE_COLOUR: Final = "#d00000"
_DAY_PX, _LANE_PX, _LEFT_PX, _TOP_PX = 36, 26, 150, 24


def letters(coverage: Coverage) -> dict[str, str]:
    """Return a letter for everybody who has a shift; they come again after the fifty-second."""
    people = sorted({one.person for lane in coverage.lanes.values() for one in lane if one.person})
    return {person: _LETTERS[number % len(_LETTERS)] for number, person in enumerate(people)}


def drawn_in_text(coverage: Coverage) -> str:
    """Return the shifts as lines of text: a week each, a letter for a quarter of a day (UTC).

    A quarter of a day with a hole in it, however short, shows `!`.
    """
    known = letters(coverage)
    width = max((len(name) for name in coverage.lanes), default=0)
    lines = []
    for week in _weeks(coverage.span):
        lines.append(f"{week.start:%Y-%m-%d} {'':{width}} {_head(week)}")
        for name, lane in coverage.lanes.items():
            cells = " ".join(_cells(lane, day, known) for day in _days(week))
            lines.append(f"{'':10} {name:{width}} {cells}")
    lines.append("  ".join(f"{letter} {person}" for person, letter in known.items()))
    return "\n".join(lines)


def drawn_as_svg(coverage: Coverage, zone: ZoneInfo) -> str:
    """Return the shifts as a drawing: a lane for each schedule, days as *zone* counts them."""
    days = (coverage.span.end - coverage.span.start) / timedelta(days=1)
    width = _LEFT_PX + round(days * _DAY_PX)
    height = _TOP_PX + _LANE_PX * len(coverage.lanes) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" font-family="sans-serif" font-size="11" role="img">',
        "<title>Who is on call</title>",
        *_day_marks(coverage.span, zone, height),
    ]
    colours = {
        person: _COLOURS[number % len(_COLOURS)] for number, person in enumerate(letters(coverage))
    }
    for row, (name, lane) in enumerate(coverage.lanes.items()):
        top = _TOP_PX + row * _LANE_PX
        parts.append(f'<text x="4" y="{top + 15}">{escape(name)}</text>')
        parts += [_bar(one, coverage.span, top, colours) for one in lane]
    return "\n".join((*parts, "</svg>\n"))


def page(coverage: Coverage, zone: ZoneInfo, title: str) -> str:
    """Return a page with the drawing, every hole and known clash, and the loads."""
    holes = [
        f"{_from_to(one.span)}: nobody for {', '.join(one.roles)} ({one.schedule})"
        for one in coverage.holes
    ]
    clashes = [
        f"{_from_to(one.span)}: {one.person} is {' and '.join(one.roles)}"
        for one in coverage.clashes or ()
    ]
    loads = [
        f"{one.person}: {one.hours:.0f} h in {one.shifts} shifts, the longest {one.longest:.0f} h"
        for one in coverage.loads
    ]
    sections = [("Holes", holes), ("Loads", loads)]
    if coverage.clashes is not None:
        sections.insert(1, ("In two steps of one ladder", clashes))
    body = "".join(
        f"<h2>{escape(head)}</h2><ul>"
        + "".join(f"<li>{escape(line)}</li>" for line in (lines or ["none"]))
        + "</ul>"
        for head, lines in sections
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"</head><body><h1>{escape(title)}</h1>{drawn_as_svg(coverage, zone)}{body}</body></html>\n"
    )


def _weeks(span: Span) -> Iterator[Span]:
    start = span.start
    while start < span.end:
        yield Span(start, min(start + timedelta(days=7), span.end))
        start += timedelta(days=7)


def _days(week: Span) -> Iterator[datetime]:
    day = week.start
    while day < week.end:
        yield day
        day += timedelta(days=1)


def _head(week: Span) -> str:
    return " ".join(f"{day:%a}".ljust(CELLS_A_DAY) for day in _days(week))


def _cells(lane: Sequence[Shift], day: datetime, known: dict[str, str]) -> str:
    quarter = timedelta(days=1) / CELLS_A_DAY
    return "".join(
        _cell(lane, Span(day + number * quarter, day + (number + 1) * quarter), known)
        for number in range(CELLS_A_DAY)
    )


def _cell(lane: Sequence[Shift], part: Span, known: dict[str, str]) -> str:
    there = [one for one in lane if one.span.start < part.end and one.span.end > part.start]
    if any(one.person is None for one in there):
        return HOLE
    return known[there[0].person or ""] if there else " "


def _from_to(span: Span) -> str:
    return f"{span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC"


def _x(at: datetime, span: Span) -> float:
    return round(_LEFT_PX + (at - span.start) / timedelta(days=1) * _DAY_PX, 1)


def _day_marks(span: Span, zone: ZoneInfo, height: int) -> Iterator[str]:
    for day in _days(span):
        x, local = _x(day, span), day.astimezone(zone)
        yield f'<line x1="{x}" y1="16" x2="{x}" y2="{height}" stroke="#cccccc"/>'
        yield f'<text x="{x + 2}" y="12">{local:%a} {local.day}</text>'


def _bar(one: Shift, span: Span, top: int, colours: dict[str, str]) -> str:
    x, end = _x(one.span.start, span), _x(one.span.end, span)
    colour = _HOLE_COLOUR if one.person is None else colours[one.person]
    words = f"{one.person or 'nobody'}, {_from_to(one.span)}"
    return (
        f'<rect x="{x}" y="{top}" width="{round(end - x, 1)}" height="{_LANE_PX - 6}"'
        f' fill="{colour}"><title>{escape(words)}</title></rect>'
    )
