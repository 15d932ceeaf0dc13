"""A flow as a picture: columns of places, and bands between them as wide as what goes that way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from cli.report.document import Flow, Place

_WIDE: Final = 860
_HIGH: Final = 300
_HEAD: Final = 24
_NODE: Final = 12
_GAP: Final = 18
_MARGIN: Final = 96
"""Room to the right of the last column, for its names."""


@dataclass(slots=True)
class _Spot:
    """Where a place is drawn, and how much of its height bands have taken on either side."""

    x: float
    y: float
    high: float
    arrived: float = 0.0
    left: float = 0.0


def sankey(flow: Flow) -> Iterator[str]:
    """Yield *flow* as a figure with an SVG picture; its words say the same to who cannot see it."""
    sizes = _sizes(flow)
    yield f"<figure><figcaption>{escape(flow.title)}</figcaption>"
    if sizes:
        said = "; ".join(
            f"{source[1]} to {target[1]}: {count:,}" for source, target, count in flow.bands
        )
        yield (
            f'<svg role="img" aria-label="{escape(f"{flow.title}. {said}")}"'
            f' viewBox="0 0 {_WIDE} {_HIGH + _HEAD}" width="100%" font-size="11"'
            ' font-family="sans-serif">'
        )
        yield from _drawn(flow, sizes)
        yield "</svg>"
    yield "</figure>"


def _drawn(flow: Flow, sizes: Mapping[Place, int]) -> Iterator[str]:
    spots, scale = _spots(sizes, len(flow.columns))
    for number, name in enumerate(flow.columns):
        yield f'<text x="{_across(number, len(flow.columns)):.1f}" y="12">{escape(name)}</text>'
    for source, target, count in flow.bands:
        yield _band(spots[source], spots[target], count, scale, f"{source[1]} → {target[1]}")
    for place, spot in spots.items():
        yield (
            f'<rect class="place" x="{spot.x:.1f}" y="{spot.y:.1f}" width="{_NODE}"'
            f' height="{max(spot.high, 1):.1f}"/>'
            f'<text x="{spot.x + _NODE + 4:.1f}" y="{spot.y + spot.high / 2 + 4:.1f}">'
            f"{escape(place[1])} {sizes[place]:,}</text>"
        )


def _band(source: _Spot, target: _Spot, count: int, scale: float, name: str) -> str:
    wide = count * scale
    start, end = source.x + _NODE, target.x
    high, low = source.y + source.left + wide / 2, target.y + target.arrived + wide / 2
    source.left += wide
    target.arrived += wide
    middle = (start + end) / 2
    return (
        f'<path class="band" d="M{start:.1f} {high:.1f}C{middle:.1f} {high:.1f} {middle:.1f}'
        f' {low:.1f} {end:.1f} {low:.1f}" stroke-width="{max(wide, 0.5):.1f}">'
        f"<title>{escape(name)}: {count:,}</title></path>"
    )


def _sizes(flow: Flow) -> dict[Place, int]:
    """Return how much goes through each place, those of a column by name."""
    arriving: dict[Place, int] = defaultdict(int)
    leaving: dict[Place, int] = defaultdict(int)
    for source, target, count in flow.bands:
        leaving[source] += count
        arriving[target] += count
    return {place: max(arriving[place], leaving[place]) for place in sorted({*arriving, *leaving})}


def _spots(sizes: Mapping[Place, int], columns: int) -> tuple[dict[Place, _Spot], float]:
    """Return where each place is, and how many points of height one ticket has."""
    by_column: dict[int, list[Place]] = defaultdict(list)
    for place in sizes:
        by_column[place[0]].append(place)
    scale = min(_room(places) / sum(sizes[one] for one in places) for places in by_column.values())
    spots: dict[Place, _Spot] = {}
    for column, places in by_column.items():
        top = float(_HEAD)
        for place in places:
            spots[place] = _Spot(_across(column, columns), top, sizes[place] * scale)
            top += spots[place].high + _GAP
    return spots, scale


def _room(places: Sequence[Place]) -> float:
    return _HIGH - _GAP * len(places)


def _across(column: int, columns: int) -> float:
    return (_WIDE - _MARGIN - _NODE) * column / max(1, columns - 1)
