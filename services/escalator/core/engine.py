"""One input to the engine: what it changes, keeps and announces, whichever cases it touches.

The caller hands over the cases that it holds, and keeps what comes back. An input may reach further
than its own ticket; what the engine then asks for and the caller has not loaded is a
`NotAtHandError`: load it and ask again. Nothing is changed in place, so asking again is safe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from services.escalator.core import decide
from services.escalator.core.case import Case
from services.escalator.core.inputs import Heard
from services.escalator.core.wire import Decision
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline

Part = Literal["case", "history"]


class NotAtHandError(LookupError):
    """The engine needs something of a case that its caller has not loaded."""

    def __init__(self, key: str, part: Part) -> None:
        super().__init__(f"the {part} of {key} is not loaded")
        self.key = key
        self.part = part


class Cases(Protocol):
    """What the caller holds, as of the beginning of its transaction."""

    def case(self, key: str) -> Case | None:
        """Return the case *key*, or None where there is none; else raise `NotAtHandError`."""

    def history(self, key: str) -> Sequence[Heard]:
        """Return all that the case *key* has heard, in any order, or raise `NotAtHandError`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an input led to, to be kept together or not at all.

    `cases` are the new states by key, `heard` what to append to which history, and `decisions` what
    to announce, in order.
    """

    cases: Mapping[str, Case]
    heard: tuple[tuple[str, Heard], ...]
    decisions: tuple[Decision, ...]


def hear(cases: Cases, heard: Heard, policies: PolicyTimeline, now: Instant) -> Outcome:
    """Take an event that was never taken before; decisions say how late they are at *now*.

    Raises:
        NotAtHandError: Load what it names and call again.
    """
    key = heard.event.ticket
    case = cases.case(key) or decide.new_case(key)
    decided = decide.hear(case, heard, policies, now)
    if decided is None:
        decided = decide.rehear(case, cases.history(key), heard, policies, now)
    return Outcome({key: decided.case}, ((key, heard),), decided.decisions)


def fire(cases: Cases, key: str, until: Instant, policies: PolicyTimeline, now: Instant) -> Outcome:
    """Let the case *key* do what is due up to and including *until*.

    Raises:
        NotAtHandError: Load what it names and call again.
    """
    case = cases.case(key)
    if case is None:
        return Outcome({}, (), ())
    decided = decide.fire(case, until, policies, now)
    return Outcome({key: decided.case}, (), decided.decisions)


def repeat(cases: Cases, key: str) -> Outcome:
    """Count the repeated delivery of an event of *key* that was taken before."""
    case = cases.case(key) or decide.new_case(key)
    return Outcome({key: decide.count_duplicate(case)}, (), ())
