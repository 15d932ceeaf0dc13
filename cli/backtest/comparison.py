"""Two policies over one history: what only one of them does, and the load that each makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from services.escalator.core.marks import BREACH, CALL, Mark, Plain
from shared.contract.times import Instant, rfc3339

Side = Literal["before", "after"]
Same = tuple[str, str, Instant, str, str]
"""What must be the same on both sides for no difference: a mark but for the tier of the case."""

_TIER: Final = 5

SIDES: Final[tuple[Side, Side]] = ("before", "after")


@dataclass(slots=True)
class Load:
    """What one policy did in all: calls by person, by tier and by way; breaches; raises; moves."""

    people: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    tiers: Counter[int] = field(default_factory=Counter)
    done: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, mark: Plain) -> None:
        """Count *mark*."""
        kind, _, _, what, who, tier = mark
        self.done[kind, what] += 1
        if kind == CALL:
            self.people[who] += 1
            self.tiers[tier] += 1
            if what == "called by page":
                self.pages[who] += 1

    def total(self, kind: str) -> int:
        """Return how many marks of *kind* there are."""
        return sum(count for (of, _), count in self.done.items() if of == kind)


class Comparison:
    """What differs so far; what both have done takes no room.

    Both sides may be fed in any order: what stands on one side only at the end is the difference.
    """

    def __init__(self) -> None:
        self.loads: dict[Side, Load] = {side: Load() for side in SIDES}
        self.tickets: dict[Side, int] = dict.fromkeys(SIDES, 0)
        self._open: dict[Same, int] = {}

    def take(self, side: Side, found: Iterable[Plain]) -> None:
        """Take what the policy on *side* has done."""
        load, sign, left = self.loads[side], 1 if side == "after" else -1, self._open
        for mark in found:
            load.take(mark)
            same = mark[:_TIER]
            count = left.get(same, 0) + sign
            if count:
                left[same] = count
            else:
                del left[same]

    def only(self, side: Side, kind: str | None = None) -> list[Mark]:
        """Return what only *side* does, of one *kind* or of all, by time and ticket; no tiers."""
        sign = 1 if side == "after" else -1
        found = [
            Mark(*same, tier=0)
            for same, count in self._open.items()
            for _ in range(max(0, count * sign))
            if kind is None or same[0] == kind
        ]
        return sorted(found, key=lambda one: (one.at, one))

    @property
    def is_same(self) -> bool:
        """Whether both do the same to everybody at the same times."""
        return not self._open

    def changed(self) -> list[str]:
        """Return the tickets to which the two do something different, sorted."""
        return sorted({same[1] for same in self._open})

    def document(self, rows: int) -> dict[str, Any]:
        """Return it for programs, with at most *rows* calls of each side (0: all)."""
        return {
            "same": self.is_same,
            "tickets": self.tickets["after"],
            "tickets_changed": len(self.changed()),
            "totals": {side: _totals(self.loads[side]) for side in SIDES},
            "breaches": {
                "appear": [_plain(one) for one in self.only("after", BREACH)],
                "vanish": [_plain(one) for one in self.only("before", BREACH)],
            },
            "calls": {
                "only_before": [_plain(one) for one in _first(self.only("before", CALL), rows)],
                "only_after": [_plain(one) for one in _first(self.only("after", CALL), rows)],
            },
        }


def _first(found: list[Mark], rows: int) -> list[Mark]:
    return found[:rows] if rows else found


def _totals(load: Load) -> dict[str, Any]:
    return {
        "by_person": dict(sorted(load.people.items())),
        "pages_by_person": dict(sorted(load.pages.items())),
        "by_tier": {str(tier): count for tier, count in sorted(load.tiers.items())},
        "done": {f"{kind}: {what}": count for (kind, what), count in sorted(load.done.items())},
    }


def _plain(one: Mark) -> dict[str, Any]:
    return {
        "ticket": one.ticket,
        "at": rfc3339(Instant(one.at)),
        "what": one.what,
        "who": one.who or None,
    }
