"""One ticket's decisions, decided again: is there an order of inputs that leads to just these?

Every event is applied in the order of the log. Timers due before an event was received fire before
it, as in `simulate`. One that is due later may have fired before it too, but only if it was due
before the event lay in the log: until then nobody could know of it. So a timer that fired in spite
of unread input is found out even where all ends well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.escalator.core import engine
from services.escalator.core.decide import Case, Heard, dump, new_case, next_due, restore
from services.escalator.core.wire import Decision, encode_decision
from shared.contract.times import Instant, parse_instant
from shared.policy.document import PolicyTimeline

_BUDGET: Final = 20_000


@dataclass(frozen=True, slots=True)
class Input:
    """An event as the log has it.

    Attributes:
        heard: It, with its instants.
        known_at: When it lay in the log, virtual: no timer due later may have fired before it.
        repeat: Whether an earlier record was the same event.
    """

    heard: Heard
    known_at: Instant
    repeat: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    """How the ticket went.

    Attributes:
        early: How many timers fired before an event that was already on its way.
        stamped: How many events led to decisions that bear the time of the escalator's turn.
        flaw: Why there is no such order; None if there is.
    """

    early: int = 0
    stamped: int = 0
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """Where a search has come: inputs applied, decisions accounted for, and the case by then."""

    inputs: int
    told: int
    early: int
    stamped: int
    case: Case | None
    history: tuple[Heard, ...]


class _Cases:
    """What the engine sees: one ticket and nothing else."""

    def __init__(self, key: str, step: _Step) -> None:
        self._key = key
        self._step = step

    def case(self, key: str) -> Case | None:
        """Return the ticket's case."""
        return self._step.case if key == self._key else None

    def history(self, key: str) -> Sequence[Heard]:
        """Return what it has heard."""
        return self._step.history if key == self._key else ()


class Replay:
    """The search for one ticket."""

    def __init__(
        self,
        key: str,
        inputs: Sequence[Input],
        told: Sequence[Mapping[str, Any]],
        end: Case,
        policies: PolicyTimeline,
    ) -> None:
        """Describe it.

        Args:
            key: The ticket.
            inputs: Its events in the order of the log, repeats too.
            told: Its decisions in the order of their versions, as on the topic.
            end: How the escalator has it after them.
            policies: What holds when.
        """
        self._key = key
        self._inputs = inputs
        self._told = told
        self._plain = [without_lateness(one) for one in told]
        self._end = end
        self._policies = policies
        self._furthest = 0
        self._why = ""

    def run(self) -> Replayed:
        """Return whether there is such an order, and what it has of early timers."""
        waiting = [_Step(0, 0, 0, 0, None, ())]
        for _ in range(_BUDGET):
            if not waiting:
                return Replayed(flaw=self._why or "no order of inputs leads there")
            step = waiting.pop()
            if self._is_end(step):
                return Replayed(step.early, step.stamped)
            waiting += self._next(step)
        return Replayed(flaw=f"no order of inputs found in {_BUDGET} steps; {self._why}")

    def _is_end(self, step: _Step) -> bool:
        if step.inputs < len(self._inputs) or step.told < len(self._told):
            return False
        case = step.case or new_case(self._key)
        if restore(dump(case)) == self._end:
            return True
        if case.horizon >= self._end.horizon:
            self._note(step, f"the case should differ by {_differing(case, self._end)}")
        return False

    def _next(self, step: _Step) -> list[_Step]:
        """Return where *step* can lead, what is to be tried first last."""
        due = None if step.case is None else next_due(step.case, self._policies)
        if step.inputs == len(self._inputs):
            wanted = step.told < len(self._told) or (
                step.case is not None and step.case.horizon < self._end.horizon
            )
            return self._fire(step, due, early=0) if wanted else []
        one = self._inputs[step.inputs]
        if one.repeat:
            return self._hear(step, one)
        if due is not None and due < one.heard.received:
            return self._fire(step, due, early=0)
        early = [] if due is None or due > one.known_at else self._fire(step, due, early=1)
        return [*early, *self._hear(step, one)]

    def _fire(self, step: _Step, due: Instant | None, *, early: int) -> list[_Step]:
        if due is None:
            self._note(step, "nothing is due")
            return []
        cases = _Cases(self._key, step)
        outcome = engine.fire(cases, self._key, due, self._policies, due)
        return self._kept(step, outcome, f"timers of {due}", early=early)

    def _hear(self, step: _Step, one: Input) -> list[_Step]:
        cases = _Cases(self._key, step)
        heard, what = one.heard, f"event {one.heard.said.id}"
        if one.repeat:
            return self._kept(step, engine.repeat(cases, self._key), what, inputs=1)
        at = self._decided_at(step, one)
        outcome = engine.hear(cases, heard, self._policies, at)
        if not outcome.decisions or at == heard.received:
            return self._kept(step, outcome, what, inputs=1)
        at_once = engine.hear(cases, heard, self._policies, heard.received)
        stamped = outcome.cases != at_once.cases or list(map(_plain, outcome.decisions)) != list(
            map(_plain, at_once.decisions)
        )
        return self._kept(step, outcome, what, inputs=1, stamped=int(stamped))

    def _decided_at(self, step: _Step, one: Input) -> Instant:
        """Return when the escalator took the event: every decision on it says how late it was."""
        received = one.heard.received
        if step.told == len(self._told):
            return received
        data = self._told[step.told]["data"]
        return max(received, Instant(parse_instant(data["at"]) + data["late_by_s"]))

    def _kept(
        self,
        step: _Step,
        outcome: engine.Outcome,
        what: str,
        *,
        inputs: int = 0,
        early: int = 0,
        stamped: int = 0,
    ) -> list[_Step]:
        found = [_plain(one) for one in outcome.decisions if one.ticket == self._key]
        upto = step.told + len(found)
        if found != self._plain[step.told : upto]:
            self._note(step, f"{what}: {first_difference(found, self._plain[step.told :])}")
            return []
        history = (*step.history, *(heard for key, heard in outcome.heard if key == self._key))
        case = outcome.cases[self._key]
        return [
            _Step(
                step.inputs + inputs,
                upto,
                step.early + early,
                step.stamped + stamped,
                case,
                history,
            )
        ]

    def _note(self, step: _Step, why: str) -> None:
        """Keep the reason that stopped the search where it had come furthest."""
        if step.told + step.inputs >= self._furthest:
            self._furthest = step.told + step.inputs
            self._why = f"after {step.inputs} events and {step.told} decisions: {why}"


def without_lateness(decision: Mapping[str, Any]) -> dict[str, Any]:
    """Return *decision* without what depends on when the escalator came to it."""
    data = {name: part for name, part in decision["data"].items() if name != "late_by_s"}
    because = dict(data["because"])
    because["facts"] = {
        name: part for name, part in because["facts"].items() if name != "late_input"
    }
    return {**decision, "data": {**data, "because": because}}


def _plain(decision: Decision) -> dict[str, Any]:
    return without_lateness(json.loads(encode_decision(decision)))


def first_difference(found: Sequence[Any], told: Sequence[Any]) -> str:
    """Say in which decision *found* first differs from what was *told*."""
    for ours, theirs in zip(found, told, strict=False):
        if ours != theirs:
            return f"expected {_brief(ours, theirs)}, the topic has {_brief(theirs, ours)}"
    return f"expected {len(found)} decisions, the topic has {len(told)}"


def _brief(decision: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the type of *decision*, and what of it is not so in *other*."""
    data = {
        name: part for name, part in decision["data"].items() if part != other["data"].get(name)
    }
    return {"type": decision["type"], "time": decision["time"], **data}


def _differing(case: Case, end: Case) -> dict[str, tuple[Any, Any]]:
    ours, theirs = restore(dump(case)).__dict__, end.__dict__
    found = {}
    for name in ours:
        mine, other = ours[name], theirs[name]
        if mine != other and name == "escalations":
            mine = [one._asdict().items() for one in mine]
            other = [one._asdict().items() for one in other]
            mine, other = (
                [[part for part in one if not any(part in two for two in others)] for one in ones]
                for ones, others in ((mine, other), (other, mine))
            )
        if mine != other:
            found[name] = (mine, other)
    return found
