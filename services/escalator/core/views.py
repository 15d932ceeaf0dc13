"""A ticket's history at a moment: as it was known then, or as it is known now.

*Then* goes through what had been heard in the order in which it was heard, so that every decision
is there that was really made, withdrawn or not. *Now* folds all that counts up to the moment in its
effective order, as if nothing had ever come late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.escalator.core import decide
from services.escalator.core.case import TIMERS, Case, Order
from services.escalator.core.fold import Folded, fold, in_order
from services.escalator.core.inputs import Heard
from shared.contract.explanations import View
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline


class NothingKnownError(LookupError):
    """Nothing was known of a ticket at the moment that is asked for.

    Attributes:
        opened_at: When it was opened, or None where it never was.
    """

    def __init__(self, key: str, opened_at: Instant | None) -> None:
        super().__init__(f"nothing was known of {key} then")
        self.opened_at = opened_at


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision: its type, its effective instant and its data."""

    type: str
    at: Instant
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one case at a moment.

    Attributes:
        case: As it stands, everything done that is due by then.
        history: What it has heard that counts in this view, in the order of receipt.
        happened: Inputs and decisions, in the order of the view.
    """

    case: Case
    history: tuple[Heard, ...]
    happened: tuple[Heard | Decided, ...]

    @property
    def decided(self) -> tuple[Decided, ...]:
        """The decisions alone."""
        return tuple(one for one in self.happened if isinstance(one, Decided))


def known(
    key: str, history: Sequence[Heard], policies: PolicyTimeline, at: Instant, view: View
) -> Known:
    """Return what is known of the case *key* at *at*.

    Args:
        key: The case.
        history: All that it has ever heard, in the order of receipt.
        policies: The policy versions.
        at: The moment; one in the future is looked at as if nothing else were heard.
        view: Whether what was heard later counts.

    Raises:
        NothingKnownError: The case was not opened by then.
    """
    found = _then(key, history, policies, at)
    if view is View.NOW:
        found = _now(key, history, policies, at)
    if found.case.opened_at is None:
        raise NothingKnownError(key, _then(key, history, policies, None).case.opened_at)
    return found


def end_of(at: Instant) -> Order:
    """Return the place in a history at which everything of the second *at* is over."""
    return (at, TIMERS, 1, 0)


def folded(
    key: str,
    history: Iterable[Heard],
    policies: PolicyTimeline,
    at: Instant,
    restored: tuple[tuple[tuple[str, str, int], Instant], ...] = (),
) -> Folded:
    """Return what *history* makes of the case *key* by *at*, everything in time."""
    blank = Case(ticket=key, kind=decide.new_case(key).kind, restored=restored)
    end = end_of(at)
    return fold(blank, [one for one in history if one.order < end], end, policies)


def settled(case: Case) -> Case:
    """Return *case* without news for the members of a group, which are cases of their own."""
    if not case.pending:
        return case
    left = case.copy()
    left.pending, left.pending_from = (), 0
    return left


def _then(
    key: str, history: Sequence[Heard], policies: PolicyTimeline, at: Instant | None
) -> Known:
    """Hear again what was heard by *at* (or all of it), as it was heard."""
    case, now = decide.new_case(key), Instant(0)
    past: list[Heard] = []
    happened: list[Heard | Decided] = []

    def take(decided: decide.Decided) -> Case:
        happened.extend(Decided(one.type, one.at, one.data) for one in decided.decisions)
        return settled(decided.case)

    for heard in history:
        if at is not None and heard.received > at:
            continue
        now = max(now, heard.received)
        case = take(decide.fire(case, Instant(now - 1), policies, now))
        happened.append(heard)
        decided = decide.hear(case, heard, policies, now)
        if decided is None:
            decided = decide.rehear(case, past, [heard], policies, now)
        case = take(decided)
        past.append(heard)
    if at is not None:
        case = take(decide.fire(case, at, policies, at))
    return Known(case, tuple(past), tuple(happened))


def _now(key: str, history: Sequence[Heard], policies: PolicyTimeline, at: Instant) -> Known:
    """Fold all that counts by *at*, escalations that came back at the time when they did."""
    restored = _then(key, history, policies, None).case.restored
    found = folded(key, history, policies, at, restored)
    counted = tuple(one for one in history if one.order < end_of(at))
    happened: list[Heard | Decided] = [*in_order(counted, found.case.kind)]
    happened += [Decided(one.type, one.at, one.data) for one in found.told.effects]
    return Known(settled(found.case), counted, tuple(sorted(happened, key=_when)))


def _when(one: Heard | Decided) -> tuple[Instant, bool]:
    """Return where *one* is told: what was heard in a second before what was decided in it."""
    return (one.at, True) if isinstance(one, Decided) else (one.effective, False)
