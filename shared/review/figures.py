"""One number of the review, with what it is a number of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from shared.contract.lengths import hours, span

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE

FEW: Final = 20
"""Of fewer cases than this a number is shown, and not judged."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number.

    Attributes:
        metric: The metric's name, for programs: `reopen_rate`.
        label: What it is, for people.
        value: The number; None where there is nothing to count.
        unit: `share` (0 to 1), `seconds` on the wall, `calendar_seconds`, or `count`.
        count: Of how many cases it speaks.
        of: What of, where a metric has several: `P1`, `missing_information`, `tier 2`.
    """

    metric: str
    label: str
    value: float | None
    unit: str
    count: int
    of: str = ""

    @property
    def judged(self) -> bool:
        """Whether there are enough cases to judge it by."""
        return self.value is not None and self.count >= FEW

    @property
    def key(self) -> str:
        """Its name among all numbers of a review."""
        return f"{self.metric}.{self.of}" if self.of else self.metric

    def text(self) -> str:
        """Return the value as people read it."""
        if self.value is None:
            return "–"
        match self.unit:
            case "share":
                return f"{100 * self.value:.1f} %"
            case "seconds":
                return length(self.value)
            case "calendar_seconds":
                return worktime(self.value)
            case _:
                return f"{self.value:,.2f}".rstrip("0").rstrip(".")

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "metric": self.metric,
            "of": self.of or None,
            "label": self.label,
            "value": self.value,
            "unit": self.unit,
            "count": self.count,
            "judged": self.judged,
        }


def length(seconds: float) -> str:
    """Return a length of time on the wall, below an hour to the second."""
    whole = round(seconds)
    return hours(whole) if 0 <= whole < _HOUR else f"{'-' * (whole < 0)}{span(whole)}"


def worktime(seconds: float) -> str:
    """Return what a calendar counted, in hours however many, below an hour to the second."""
    whole = round(seconds)
    return hours(whole if whole < _HOUR else whole // _MINUTE * _MINUTE)
