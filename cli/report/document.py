"""What a report says, before anybody decides how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Place: TypeAlias = tuple[int, str]
"""A place of a flow: the number of its column, from 0, and its name."""


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    CSV = "csv"
    HTML = "html"
    PDF = "pdf"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; every cell is text."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture: for each label one bar, or two, before and after."""

    title: str
    rows: Sequence[tuple[str, Sequence[float]]]
    series: Sequence[str] = ("",)


@dataclass(frozen=True, slots=True)
class Flow:
    """A picture of a flow in columns (Sankey): bands as wide as what goes from a place to the next.

    Attributes:
        title: What flows.
        columns: What each column is.
        bands: From which place (column and name) to which, and how much.
    """

    title: str
    columns: Sequence[str]
    bands: Sequence[tuple[Place, Place, int]]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report: sentences, then tables, then pictures."""

    title: str
    lines: Sequence[str] = ()
    tables: Sequence[Table] = ()
    bars: Sequence[Bars] = ()
    flows: Sequence[Flow] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    about: str
    sections: Sequence[Section] = field(default_factory=tuple)
