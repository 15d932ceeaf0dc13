"""What a policy leaves open: allowed, and worth a warning, since it is rarely meant.

Every finding holds in all cases that the rule it names can meet; nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, product
from typing import Final

from shared.policy.reach import LOOKS_AT, standings
from shared.policy.references import Problem, people_of, rights_of
from shared.policy.shape.file import PolicyFile
from shared.policy.shape.matrix import OverrideShape
from shared.policy.tree import Path

_PLANS: Final = ("standard", "premium", "enterprise")
_BREACHES: Final = {
    "T03_first_response_breach": "the first response is broken",
    "T04_next_response_breach": "the next response is broken",
    "T05_customer_update_overdue": "the customer's update is overdue",
    "T11_resolve_breach": "the resolution is broken",
}
_MEANT: Final = "Leave it if that is what you mean."


def uncovered(file: PolicyFile) -> Iterator[Problem]:
    """Yield a warning for everything that *file* leaves without anybody or without effect."""
    yield from _silent_breaches(file)
    yield from _nights(file)
    yield from _floors(file)
    yield from _shares(file)
    yield from _flags(file)
    yield from _years(file)
    yield from _twice(file)
    yield from _rights(file)


def _silent_breaches(file: PolicyFile) -> Iterator[Problem]:
    reached = {one.priority for one in standings(file)}
    updates = file.timers.customer_update.runs_for.table()
    for name, what in _BREACHES.items():
        for priority, row in file.triggers.rows()[name].table().items():
            never = name.startswith("T05") and updates[priority] == "never"
            if row is None and priority in reached and not never:
                yield _warned(
                    ("triggers", name, priority), f"nobody is told when {what} at {priority}"
                )


def _nights(file: PolicyFile) -> Iterator[Problem]:
    """Promises that run at night, to people who are called by day."""
    promised = file.calendar_for.table()
    for severity, internal in file.internal_calendar.table().items():
        if internal != "business":
            continue
        priorities = {one.priority for one in standings(file) if one.severity == severity}
        found = [
            f"{plan} {priority}"
            for priority, plan in product(sorted(priorities), _PLANS)
            if promised[priority].table()[plan] == "always"
        ]
        if found:
            message = (
                f"people are called in business hours, yet the promise of {', '.join(found)}"
                " runs around the clock"
            )
            yield _warned(("internal_calendar", severity), message)


def _floors(file: PolicyFile) -> Iterator[Problem]:
    floor = file.modifiers.dwell_floor
    for severity, row in file.cells.table().items():
        for impact, cell in row.table().items():
            for key in ("t1_max", "t2_max"):
                limit = getattr(cell, key)
                if limit is not None and 0 < limit < floor:
                    message = "no plan ever has this stay: it is shorter than modifiers.dwell_floor"
                    yield _warned(("cells", severity, impact, key), message)


def _shares(file: PolicyFile) -> Iterator[Problem]:
    looked_at = {*LOOKS_AT.values(), 1}
    for index, share in enumerate(file.targets.warn_at):
        if share not in looked_at:
            message = f"no row looks at {float(share * 100):g}% of a promise"
            yield _warned(("targets", "warn_at", index), message)


def _flags(file: PolicyFile) -> Iterator[Problem]:
    cells = [cell for row in file.cells.table().values() for cell in row.table().values()]
    for name, flag in file.overrides.items():
        stricter = any(
            flag.min_priority < cell.priority
            or (flag.min_tier != "hold" and flag.min_tier > cell.start_tier)
            for cell in cells
        )
        if not stricter and not _does_more(flag):
            yield _warned(("overrides", name), "the flag changes nothing in any cell")


def _does_more(flag: OverrideShape) -> bool:
    lists = flag.external or flag.notify
    return bool(
        lists or flag.restricted or flag.grouping == "never" or flag.exec_inform is not None
    )


def _years(file: PolicyFile) -> Iterator[Problem]:
    begins = file.policy.valid_from.date()
    for name, shape in file.calendars.items():
        if shape.closed and max(shape.closed) < begins:
            message = f"every closed day is over when the policy begins ({begins.isoformat()})"
            yield _warned(("calendars", name, "closed"), message)


def _twice(file: PolicyFile) -> Iterator[Problem]:
    lists: dict[Path, list[str]] = {}
    for path, role in chain(people_of(file), rights_of(file)):
        lists.setdefault(path[:-1], []).append(role)
    for path, roles in lists.items():
        for role in _repeated(roles):
            yield _warned(path, f"`{role}` is named twice; it is told once")


def _repeated(roles: Sequence[str]) -> list[str]:
    return [role for role, count in Counter(roles).items() if count > 1]


def _rights(file: PolicyFile) -> Iterator[Problem]:
    given = file.permissions
    for name in type(given).model_fields:
        if getattr(given, name) == ():
            yield _warned(("permissions", name), "nobody may do this")
    for name in ("propose", "approve"):
        if getattr(given.edit_policy, name) == ():
            yield _warned(("permissions", "edit_policy", name), "nobody may do this")


def _warned(path: Path, message: str) -> Problem:
    return Problem(path, message, _MEANT, "warning")
