"""What a check found wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """How something can be wrong."""

    LOST = "lost"
    GAP = "gap"
    WRONG = "wrong"
    MISMATCH = "mismatch"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        fault: What kind of wrong: something lost, a version missing, a state that should be
            another one, two contents where there should be one, something done twice.
        text: What, where, and what was expected.
    """

    fault: Fault
    text: str
