"""Many tickets on a virtual clock that follows the receipt of their events.

The same functions as the live escalator, without a broker, a database or a clock: the same input
gives the same decisions, byte for byte.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from services.escalator.core import decide, engine
from services.escalator.core.answering import AssumedAnswers
from services.escalator.core.case import Case
from services.escalator.core.engine import Outcome
from services.escalator.core.inputs import Heard, hear_of
from services.escalator.core.wire import Decision
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, instant
from shared.policy.document import PolicyTimeline

_ANSWERS: Final = ""
"""Stands on the agenda for assumed answers: before all tickets, as acts come before timers."""


@dataclass(slots=True)
class Simulation:
    """All cases of a run and the instants at which they have something to do.

    Attributes:
        policies: What holds from when on.
        answers: Who takes what nobody in the events has taken; None where nobody does.
        now: The virtual clock.
    """

    policies: PolicyTimeline
    answers: AssumedAnswers | None = None
    now: Instant = Instant(0)
    _cases: dict[str, Case] = field(default_factory=dict)
    _histories: dict[str, list[Heard]] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _received_so_far: int = 0
    _agenda: list[tuple[Instant, str]] = field(default_factory=list)
    _telling: list[str] = field(default_factory=list)
    _planned: dict[str, Instant] = field(default_factory=dict)

    def run(
        self, events: Iterable[TicketEvent], until: Instant | None = None
    ) -> Iterator[Decision]:
        """Yield the decisions on *events*, in order, and on what falls due up to *until*.

        Events come in the order of delivery. `receivedat` is when one reached us (default: its
        own time); the clock never goes back. Without *until* the run ends at the last event.
        """
        for received, together in groupby(events, key=self._received):
            if self._agenda and self._agenda[0][0] < received:
                yield from self._advance(received, inclusive=False)
            self.now = received
            for heard in self._in_tie_order(together, received):
                if decisions := self._hear(heard):
                    yield from decisions
                if self._telling:
                    yield from self._spread()
        if until is not None and until > self.now:
            yield from self._advance(until, inclusive=True)
            self.now = until
        else:
            yield from self._advance(self.now, inclusive=True)

    def snapshots(self) -> Iterator[dict[str, Any]]:
        """Yield the snapshot of every opened case, sorted by ticket key."""
        for ticket in sorted(self._cases):
            case = self._cases[ticket]
            if case.opened_at is not None:
                yield decide.snapshot(case, self.now, self.policies)

    def case(self, key: str) -> Case | None:
        """Return the case *key*, as it stands."""
        return self._cases.get(key)

    def history(self, key: str) -> list[Heard]:
        """Return what the case *key* has heard, in the order of receipt."""
        return self._histories.get(key, [])

    def _received(self, event: TicketEvent) -> Instant:
        stamp = event.time if event.receivedat is None else event.receivedat
        return max(self.now, instant(stamp))

    def _in_tie_order(self, events: Iterable[TicketEvent], received: Instant) -> list[Heard]:
        policy = self.policies.at(received)
        heard = [
            hear_of(event, seq, policy, received=received)
            for seq, event in enumerate(events, start=self._received_so_far)
        ]
        self._received_so_far += len(heard)
        return heard if len(heard) == 1 else sorted(heard, key=lambda one: one.order[1])

    def _hear(self, heard: Heard) -> Sequence[Decision]:
        event = heard.said
        if (event.source, event.id) in self._seen:
            return self._keep(engine.repeat(self, event.ticket))
        self._seen.add((event.source, event.id))
        return self._keep(engine.hear(self, heard, self.policies, self.now))

    def _advance(self, until: Instant, *, inclusive: bool) -> Iterator[Decision]:
        """Fire what is due before *until* (or at it), over all cases in the order of time."""
        agenda = self._agenda
        while agenda and (agenda[0][0] < until or (inclusive and agenda[0][0] == until)):
            due, ticket = heapq.heappop(agenda)
            if self._planned.get(ticket) != due:
                continue
            self.now = max(self.now, due)
            del self._planned[ticket]
            if ticket == _ANSWERS:
                yield from self._answer()
                continue
            yield from self._keep(engine.fire(self, ticket, due, self.policies, due))
            if self._telling:
                yield from self._spread()

    def _answer(self) -> Iterator[Decision]:
        if self.answers is not None:
            for event in self.answers.due(self.now, self.case, self.policies):
                for heard in self._in_tie_order([event], self.now):
                    yield from self._hear(heard)
                yield from self._spread()
            self._plan(_ANSWERS, self.answers.next_at)

    def _spread(self) -> Iterator[Decision]:
        """Let groups tell all their members what they have to tell, before anything else."""
        while self._telling:
            key = self._telling.pop()
            while self._cases[key].pending:
                yield from self._keep(engine.spread(self, key, self.policies, self.now))

    def _keep(self, outcome: Outcome) -> Sequence[Decision]:
        for key, heard in outcome.heard:
            self._histories.setdefault(key, []).append(heard)
        for key, case in outcome.cases.items():
            self._cases[key] = case
            if case.pending:
                self._telling.append(key)
            self._plan(key, decide.next_due(case, self.policies))
        if self.answers is not None and self.answers.expect(outcome.decisions, self.now):
            self._plan(_ANSWERS, self.answers.next_at)
        return outcome.decisions

    def _plan(self, key: str, due: Instant | None) -> None:
        if due is None:
            self._planned.pop(key, None)
        elif self._planned.get(key) != due:
            self._planned[key] = due
            heapq.heappush(self._agenda, (due, key))
