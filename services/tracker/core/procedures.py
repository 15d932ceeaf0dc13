"""Which procedure of the handbook says what to do on a case as it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from shared.contract.sentences import target as named


class Procedure(NamedTuple):
    """A procedure: its heading in the handbook, the page, and the place on it."""

    title: str
    page: str
    place: str = ""


class Call(NamedTuple):
    """An open escalation: its track, whom it was raised to, and whether it waits for an answer."""

    track: str
    target: str
    unanswered: bool


_INTERNAL: Final = "internal-procedures"
TRIAGE: Final = Procedure("Triage and severity", _INTERNAL, "triage-and-severity")
TAKE: Final = Procedure("Acknowledge and restate", _INTERNAL, "acknowledge-and-restate")
MAJOR: Final = Procedure("P1: the first 15 minutes", "first-15-minutes")
MERGED: Final = Procedure("Merge and undo", _INTERNAL, "merge-and-undo")
ENDED: Final = Procedure("Resolve and classify", _INTERNAL, "resolve-and-classify")
DOWN: Final = Procedure("De-escalation", "de-escalation")
_UP: Final = {
    1: Procedure("Raise tier 1 to 2", _INTERNAL, "raise-tier-1-to-2"),
    2: Procedure("Raise 2 to 3", _INTERNAL, "raise-2-to-3"),
}


def procedures_of(
    status: str, tier: int | None, priority: str | None, calls: Iterable[Call], *, is_open: bool
) -> list[Procedure]:
    """Return the procedures of a case's step, what comes first first, each once.

    Args:
        status: The status of the case.
        tier: Its tier; None before the first decision.
        priority: Its priority; None before the first decision.
        calls: Its open escalations.
        is_open: Whether it goes on.
    """
    if not is_open:
        return [MERGED if status == "merged" else ENDED]
    if tier is None:
        return [TRIAGE]
    asked = list(calls)
    found = [MAJOR] if priority == "P1" else []
    found += [TAKE for one in asked if one.unanswered]
    found += [
        Procedure(f"Working with {named(one.target)}", "external-procedures", one.target)
        for one in asked
        if one.track == "external"
    ]
    found.append(_UP.get(tier, DOWN))
    return list(dict.fromkeys(found))
