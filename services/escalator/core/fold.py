"""The case as a fold of its history: one input, one instant of timers, or all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.escalator.core import agenda, deadlines, keys, rows
from services.escalator.core.case import TIMERS, Case, Fanout, Order
from services.escalator.core.hearing import hear
from services.escalator.core.inputs import Heard, Signal, standing
from services.escalator.core.rules import undoing
from services.escalator.core.turn import Effect, Turn
from shared.contract.events import TicketObserved, TicketOpened
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline


@dataclass(slots=True)
class Told:
    """What a step of the fold tells: decisions without versions, signals, news to members."""

    effects: list[Effect] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    fanouts: list[Fanout] = field(default_factory=list)

    def add(self, turn: Turn) -> None:
        """Take everything that was told in *turn*."""
        self.effects += turn.effects
        self.signals += turn.signals
        self.fanouts += turn.fanouts

    def caused_by(self, cause: str | None, since: int) -> None:
        """Say that *cause*, an event's id, led to all effects from the number *since* on."""
        for effect in self.effects[since:]:
            effect.cause = cause


@dataclass(frozen=True, slots=True)
class Folded:
    """A case and everything that was told on the way, in order."""

    case: Case
    told: Told


def apply(case: Case, heard: Heard, policies: PolicyTimeline, told: Told) -> None:
    """Let the working copy *case* go through *heard*; *told* takes what is told."""
    at = heard.effective
    turn = _turn(case, at, policies, heard.order)
    hear(turn, heard)
    rows.settle(turn)
    deadlines.state(turn)
    case.rules_since = max(case.rules_since, case.opened_at or at)
    case.horizon = max(case.horizon, heard.order)
    agenda.forget(case)
    told.add(turn)


def advance(case: Case, before: Order, policies: PolicyTimeline, told: Told) -> bool:
    """Fire everything of the working copy *case* that is due before the place *before*.

    Return whether anything was.
    """
    fired = False
    while True:
        due = agenda.next_timer(case, policies)
        if due is None:
            return fired
        place = (due, TIMERS, 0, 0)
        if place >= before:
            return fired
        fired = True
        turn = _turn(case, due, policies, place)
        agenda.fire_instant(turn)
        deadlines.state(turn)
        case.horizon = max(case.horizon, place)
        agenda.forget(case)
        told.add(turn)


def fold(blank: Case, history: Iterable[Heard], before: Order, policies: PolicyTimeline) -> Folded:
    """Return the case that *history* makes of *blank*, with all timers before *before* fired.

    *history* comes in the order in which it was heard. What is stamped before the opening counts
    from it; a history without an opening makes nothing. What an undo strikes out is left out.
    """
    left = standing(history)
    undone: frozenset[str] = frozenset()
    while True:
        case, told = blank.copy(), Told()
        strikes = None
        for heard in in_order(left, blank.kind):
            if heard.event is not None and heard.event.id in undone:
                continue
            advance(case, heard.order, policies, told)
            strikes = undoing.strikes(case, heard, policies)
            if strikes is not None and strikes not in undone:
                break
            strikes = None
            apply(case, heard, policies, told)
        if strikes is None:
            advance(case, before, policies, told)
            return Folded(case, told)
        undone |= {strikes}


def in_order(history: Sequence[Heard], kind: str) -> list[Heard]:
    """Return *history* in its effective order, of a ticket the opening first."""
    ordered = sorted(history, key=_place)
    if kind != keys.TICKET:
        return ordered
    first = next((one for one in ordered if opens(one)), None)
    if first is None:
        return [one for one in ordered if answers_unopened(one)]
    start = first.effective
    early = [one for one in ordered if one.effective < start and answers_unopened(one)]
    rest = [
        one.counted_at(start) if one.effective < start else one
        for one in ordered
        if one is not first and one not in early
    ]
    return [*early, first, *sorted(rest, key=_place)]


def opens(heard: Heard) -> bool:
    """Whether *heard* makes a case of a ticket."""
    if heard.signal is not None:
        return heard.signal.kind == "recurs"
    return isinstance(heard.said.data, TicketOpened | TicketObserved)


def answers_unopened(heard: Heard) -> bool:
    """Whether *heard* wants an answer even from a ticket that nobody knows."""
    return heard.signal is not None and heard.signal.kind == "merge"


def _place(heard: Heard) -> tuple[Order, str]:
    return (heard.order, "" if heard.signal is None else heard.signal.id)


def _turn(case: Case, at: Instant, policies: PolicyTimeline, cause: Order) -> Turn:
    return Turn(case, at, policies, policies.at(at), cause, dict(case.restored))
