"""Where a graver case would be treated more mildly, or a better plan promised less.

Both are allowed, since a company may mean them, and both are worth a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from shared.contract.times import Seconds
from shared.policy.references import Problem
from shared.policy.shape.file import PolicyFile
from shared.policy.shape.matrix import CellShape
from shared.policy.tree import Path

_PROMISES = ("first_response", "next_response", "customer_update", "resolve")
_PLANS = ("standard", "premium", "enterprise")


def surprises(file: PolicyFile) -> Iterator[Problem]:
    """Yield a warning for everything in *file* that gets milder as matters get worse."""
    rows = {severity: row.table() for severity, row in file.cells.table().items()}
    for severity, row in rows.items():
        for milder, graver in pairwise(row):
            yield from _compared(
                row[milder], row[graver], f"{severity}/{milder}", (severity, graver)
            )
    for graver, milder in pairwise(rows):
        for impact, cell in rows[graver].items():
            yield from _compared(rows[milder][impact], cell, f"{milder}/{impact}", (graver, impact))
    yield from _promises(file)


def _compared(
    milder: CellShape, graver: CellShape, name: str, place: tuple[str, str]
) -> Iterator[Problem]:
    path: Path = ("cells", *place)
    if graver.priority > milder.priority:
        yield _warned((*path, "priority"), f"{graver.priority} is less urgent than {name} has")
    if graver.start_tier < milder.start_tier:
        yield _warned((*path, "start_tier"), f"the case starts lower than in {name}")
    for tier, key in ((1, "t1_max"), (2, "t2_max")):
        both_stay = max(graver.start_tier, milder.start_tier) <= tier
        if both_stay and _longer(getattr(graver, key), getattr(milder, key)):
            yield _warned((*path, key), f"the case may stay longer in tier {tier} than in {name}")


def _longer(one: Seconds | None, other: Seconds | None) -> bool:
    return other is not None and (one is None or one > other)


def _promises(file: PolicyFile) -> Iterator[Problem]:
    for worse, better in pairwise(_PLANS):
        for priority, target in getattr(file.targets, better).table().items():
            other = getattr(getattr(file.targets, worse), priority)
            for name in _PROMISES:
                if getattr(target, name) > getattr(other, name):
                    path: Path = ("targets", better, priority, name)
                    yield _warned(path, f"{better} promises less than {worse}")


def _warned(path: Path, message: str) -> Problem:
    return Problem(path, message, "Leave it if that is what you mean.", "warning")
