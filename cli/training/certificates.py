"""Who holds which certificate, until when, and what is missing for it."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from cli.training.records import Record
from cli.training.shape import TrainingPath
from shared.contract.times import as_datetime

REMIND: Final = timedelta(days=30)
"""So long before a certificate ends it is to be renewed."""

_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Certificate:
    """How somebody stands on one path.

    Attributes:
        path: Its letter.
        state: `valid`, `renew` (valid, and ends soon), `expired` or `missing`.
        until: The last day on which it holds, or held; None if it never did.
        lacking: What is still to be done, in words.
    """

    path: str
    state: Literal["valid", "renew", "expired", "missing"]
    until: date | None
    lacking: tuple[str, ...]


def certificate(
    name: str, path: TrainingPath, records: Iterable[Record], today: date
) -> Certificate:
    """Return how somebody with *records* stands on *path*, called *name*, on *today*."""
    latest = _latest(records)
    ends = dict(_requirements(name, path, latest))
    lacking = tuple(what for what, end in ends.items() if end is None or end < today)
    known = [end for end in ends.values() if end is not None]
    complete = len(known) == len(ends)
    until = min(known) if complete else None
    if lacking:
        return Certificate(name, "expired" if complete else "missing", until, lacking)
    soon = until is not None and until - today < REMIND
    return Certificate(name, "renew" if soon else "valid", until, ())


def _latest(records: Iterable[Record]) -> Mapping[tuple[str, str], date]:
    """Return the latest day on which each thing was passed."""
    found: dict[tuple[str, str], date] = {}
    for one in records:
        if one.passed:
            day, key = as_datetime(one.instant).date(), (one.kind, one.item)
            found[key] = max(day, found.get(key, day))
    return found


def _requirements(
    name: str, path: TrainingPath, latest: Mapping[tuple[str, str], date]
) -> Iterator[tuple[str, date | None]]:
    """Yield what *path* asks for, and until when it holds; None for what was never passed."""
    yield "questions", _end(latest.get(("quiz", name)), path.renew)
    for what in path.signed:
        yield f"{what.replace('_', ' ')}, signed", _end(latest.get(("signed", what)), path.renew)
    if path.roleplays is not None:
        of, least = path.roleplays.of, path.roleplays.at_least
        ends = sorted(
            (end for play in of if (end := _end(latest.get(("roleplay", play)), path.renew))),
            reverse=True,
        )
        what = f"{least} of {', '.join(of)}" if least < len(of) else f"{', '.join(of)}"
        yield what, ends[least - 1] if len(ends) >= least else None


def _end(passed: date | None, months: int) -> date | None:
    """Return the last day of what was *passed* and holds for *months*."""
    if passed is None:
        return None
    years, month = divmod(passed.month - 1 + months, _MONTHS)
    year, month = passed.year + years, month + 1
    return date(year, month, min(passed.day, monthrange(year, month)[1]))
