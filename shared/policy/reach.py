"""Rules that can never do anything, proven over every case that there can be.

What a case can be is finite as far as rules look at it: a cell, at most one flag that decides its
priority (of several the strictest does), a plan, a tier. All of them are gone through, so what is
reported is certain, and what could happen in one single case is not reported (Cells, Overrides,
Triggers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from shared.policy.references import Problem
from shared.policy.shape.calls import TRIGGER_ID_LENGTH, RowShape
from shared.policy.shape.file import PolicyFile
from shared.policy.shape.matrix import CellShape

TIERS: Final = (1, 2, 3)
HIGHEST: Final = 3
LOOKS_AT: Final[Mapping[str, Fraction]] = {
    "T01": Fraction(1, 2),
    "T02": Fraction(3, 4),
    "T08": Fraction(1, 2),
    "T09": Fraction(3, 4),
    "T10": Fraction(9, 10),
}
"""The share of a promise at which a row looks; the breach is looked at always."""

_FIRES_IN: Final[Mapping[str, Sequence[int]]] = {"T06": (1,), "T07": (2,), "T21": (3,)}
"""The tiers in which a trigger can fire, where not in all."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A kind of case that there can be: its severity, its cell, and the priority that follows."""

    severity: str
    cell: CellShape
    priority: str


def standings(file: PolicyFile) -> list[Standing]:
    """Return every kind of case: each cell alone and with each flag."""
    floors = [one.min_priority for one in file.overrides.values()]
    return [
        Standing(severity, cell, min(cell.priority, floor))
        for severity, row in file.cells.table().items()
        for cell in row.table().values()
        for floor in ("P4", *floors)
    ]


def unreachable(file: PolicyFile) -> Iterator[Problem]:
    """Yield every rule of *file* that can never do anything; the rest of it must hold together."""
    known = standings(file)
    reached = {one.priority for one in known}
    yield from _priorities(file, reached)
    yield from _shares(file)
    for tier, trigger in ((1, "T06_tier1_dwell"), (2, "T07_tier2_dwell")):
        yield from _limits(
            file, known, f"t{tier}_max", trigger, f"a stay in tier {tier} has a limit"
        )
    yield from _limits(file, known, "exec_decide", "T22_exec_timer", "executives are asked")
    yield from _moves(file, known)
    yield from _groups(file)


def _priorities(file: PolicyFile, reached: set[str]) -> Iterator[Problem]:
    for priority in sorted({"P1", "P2", "P3", "P4"} - reached):
        rows = [name for name, of in file.triggers.rows().items() if of.table()[priority]]
        if rows:
            numbers = ", ".join(name[:TRIGGER_ID_LENGTH] for name in rows)
            message = (
                f"no cell and no flag gives a case {priority}, so {numbers} can never act at it"
            )
            remedy = f"Give a cell {priority}, or write `none` for it in these rows."
            yield Problem(("triggers", rows[0], priority), message, remedy)


def _shares(file: PolicyFile) -> Iterator[Problem]:
    for name, rows in file.triggers.rows().items():
        share = LOOKS_AT.get(name[:TRIGGER_ID_LENGTH])
        if share is None or share in file.targets.warn_at or not any(rows.table().values()):
            continue
        percent = f"{int(share * 100)}%"
        message = f"the row looks at {percent} of a promise, and targets.warn_at does not list that"
        remedy = f"Add {percent} to targets.warn_at, or write `none` in the row."
        yield Problem(("triggers", name), message, remedy)


def _limits(
    file: PolicyFile, known: Sequence[Standing], key: str, trigger: str, when: str
) -> Iterator[Problem]:
    """Yield limits of cells that no row acts on, and rows that no limit leads to."""
    rows = file.triggers.rows()[trigger].table()
    number = trigger[:TRIGGER_ID_LENGTH]
    for severity, row in file.cells.table().items():
        for impact, cell in row.table().items():
            if getattr(cell, key) is not None and rows[cell.priority] is None:
                flagged = any(rows[one.priority] for one in known if one.cell is cell)
                message = f"{when}, and {number} does nothing at {cell.priority}"
                remedy = f"Write a row triggers.{trigger}.{cell.priority}, or `{key}: none`."
                # With a flag that makes it more urgent, the same limit may lead to a row.
                severe: Literal["error", "warning"] = "warning" if flagged else "error"
                yield Problem(("cells", severity, impact, key), message, remedy, severe)
    led_to = {one.priority for one in known if getattr(one.cell, key) is not None}
    for priority, one in rows.items():
        if one is not None and priority in {each.priority for each in known} - led_to:
            message = f"the row can never act: no cell of a {priority} has {key}"
            remedy = f"Give one of these cells {key}, or write `none` here."
            yield Problem(("triggers", trigger, priority), message, remedy)


def _moves(file: PolicyFile, known: Sequence[Standing]) -> Iterator[Problem]:
    for name, rows in file.triggers.rows().items():
        tiers = _FIRES_IN.get(name[:TRIGGER_ID_LENGTH], TIERS)
        for priority, row in rows.table().items():
            severities = {one.severity for one in known if one.priority == priority}
            if row is None or not severities or not _asks_for_a_tier(row):
                continue
            if not any(_raises(row, tier, severity) for tier in tiers for severity in severities):
                where = f"tier {tiers[0]}" if len(tiers) == 1 else "any tier"
                message = f"`{row.to}` can never move a case that is in {where}"
                remedy = "Name a higher tier, or write hold if people are only to be told."
                yield Problem(("triggers", name, priority, "to"), message, remedy)


def _asks_for_a_tier(row: RowShape) -> bool:
    return row.to in {2, 3, "up", "min2", "up_not_S4"}


def _raises(row: RowShape, tier: int, severity: str) -> bool:
    match row.to:
        case 2 | 3 as asked:
            return asked > tier
        case "min2":
            return tier < HIGHEST - 1
        case "up_not_S4":
            return severity != "S4" and tier < HIGHEST
        case _:
            return tier < HIGHEST


def _groups(file: PolicyFile) -> Iterator[Problem]:
    proposed = file.grouping.propose_at.distinct_requesters
    made = file.grouping.create_at.distinct_requesters
    if proposed >= made:
        message = f"a group is made at {made} requesters, so it can never be proposed at {proposed}"
        path = ("grouping", "propose_at", "distinct_requesters")
        yield Problem(path, message, "Propose at fewer requesters than create_at says.")
