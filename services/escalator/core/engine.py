"""One input to the engine: what it changes, keeps and announces, whichever cases it touches.

The caller hands over the cases that it holds, and keeps what comes back. An input may reach further
than its own ticket; what the engine then asks for and the caller has not loaded is a
`NotAtHandError`: load it and ask again. Nothing is changed in place, so asking again is safe.

What one case causes in another goes as a signal, and all signals of an input are heard before the
engine answers. Only what a group tells its members is not, since they may be thousands: it stays
`pending` with the group, whose next due instant it is, and each `fire` (or `spread`) of the group
tells one page of members more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from services.escalator.core import decide, keys
from services.escalator.core.case import Case, Fanout
from services.escalator.core.inputs import Heard, Signal, hear_signal
from services.escalator.core.rules import clocks
from services.escalator.core.wire import Decision
from shared.contract.events import EscalationRequested
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline

Part = Literal["case", "history"]


class NotAtHandError(LookupError):
    """The engine needs something of cases that its caller has not loaded."""

    def __init__(self, keys: Sequence[str], part: Part) -> None:
        super().__init__(f"the {part} of {', '.join(keys)} is not loaded")
        self.keys = tuple(keys)
        self.part = part


class Cases(Protocol):
    """What the caller holds, as of the beginning of its transaction."""

    def case(self, key: str) -> Case | None:
        """Return the case *key*, or None where there is none; else raise `NotAtHandError`."""

    def history(self, key: str) -> Sequence[Heard]:
        """Return all that the case *key* has heard, in that order, or raise `NotAtHandError`."""


class Outcome(NamedTuple):
    """What an input led to, to be kept together or not at all.

    `cases` are the new states by key, `heard` what to append to which history, and `decisions` what
    to announce, in order.
    """

    cases: Mapping[str, Case]
    heard: Sequence[tuple[str, Heard]]
    decisions: Sequence[Decision]


def hear(cases: Cases, heard: Heard, policies: PolicyTimeline, now: Instant) -> Outcome:
    """Take an event that was never taken before; decisions say how late they are at *now*.

    Raises:
        NotAtHandError: Load what it names and call again.
    """
    step = _Step(cases, policies, now, heard.received, heard.seq, heard.id)
    step.take(step.stamped(heard))
    return step.outcome()


def fire(cases: Cases, key: str, until: Instant, policies: PolicyTimeline, now: Instant) -> Outcome:
    """Let the case *key* do what is due up to and including *until*.

    A group that has told only some of its members tells one page more, and nothing else.

    Raises:
        NotAtHandError: Load what it names and call again.
    """
    case = cases.case(key)
    if case is None:
        return Outcome({}, (), ())
    if case.pending:
        return spread(cases, key, policies, now)
    step = _Step(cases, policies, now, now, 0)
    step.fire(case, until)
    return step.outcome()


def spread(cases: Cases, key: str, policies: PolicyTimeline, now: Instant) -> Outcome:
    """Let one page of members hear what the group *key* has told them first.

    Raises:
        NotAtHandError: Load what it names and call again.
    """
    step = _Step(cases, policies, now, now, 0)
    step.spread(key)
    return step.outcome()


def repeat(cases: Cases, key: str) -> Outcome:
    """Count the repeated delivery of an event of *key* that was taken before."""
    case = cases.case(key) or decide.new_case(key)
    return Outcome({key: decide.count_duplicate(case)}, (), ())


@dataclass(slots=True)
class _Step:
    """One input at work: what it has changed so far, over what the caller holds."""

    cases: Cases
    policies: PolicyTimeline
    now: Instant
    received: Instant
    seq: int
    cause: str | None = None
    changed: dict[str, Case] = field(default_factory=dict)
    heard: list[tuple[str, Heard]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    # By target, in the order of the first to each: a case hears all that waits for it at once.
    waiting: OrderedDict[str, list[Signal]] = field(default_factory=OrderedDict)

    def outcome(self) -> Outcome:
        """Return what has come of it."""
        return Outcome(self.changed, self.heard, self.decisions)

    def case(self, key: str) -> Case:
        """Return the case *key* as it stands by now, new if need be."""
        if key in self.changed:
            return self.changed[key]
        return self.cases.case(key) or decide.new_case(key)

    def history(self, key: str) -> list[Heard]:
        """Return what the case *key* has heard by now."""
        return [*self.cases.history(key), *(one for to, one in self.heard if to == key)]

    def stamped(self, heard: Heard) -> Heard:
        """Return *heard* with what only the present can tell: a skewed clock, a tier seen."""
        event = heard.event
        if event is None:
            return heard
        clock = self.cases.case(keys.clock(event.source))
        policy = self.policies.at(heard.received)
        if clock is not None and clocks.is_skewed(clock, heard.received):
            heard = heard.counted_at(heard.received)
        elif clocks.claims_the_future(heard, policy):
            key = keys.clock(event.source)
            counted, skewed = clocks.counted(clock or decide.new_case(key), heard.received, policy)
            self.changed[key] = counted
            if skewed:
                self._alert(event.ticket, event.source)
        if isinstance(event.data, EscalationRequested) and event.data.as_of is not None:
            as_of = event.data.as_of
            moves = [tier for version, tier in self.case(event.ticket).moves if version <= as_of]
            heard = heard._replace(seen_tier=moves[-1] if moves else None)
        return heard

    def take(self, heard: Heard) -> None:
        """Let its case hear *heard*, and every other case what follows from it."""
        self._hear(heard.key, [heard])
        self._settle()

    def fire(self, case: Case, until: Instant) -> None:
        """Let time pass for *case*, and every other case hear what follows."""
        self._keep(case.ticket, decide.fire(case, until, self.policies, self.now))
        self._settle()

    def spread(self, key: str) -> None:
        """Let one page of the members of the group *key* hear its first pending news."""
        group = self.case(key)
        if not group.pending:
            return
        told, page = group.pending[0], group.pending_from
        left = group.copy()
        left.pending_from = page + 1
        if left.pending_from * keys.MEMBERS_A_PAGE >= group.indexed:
            left.pending, left.pending_from = group.pending[1:], 0
        roster = self.case(keys.members(key, page)).roster
        news = [_news(key, member, told) for member in dict.fromkeys(roster)]
        # A page is many cases: all that they need is asked for at once, before anything is done.
        self._have([one.target for one in news], self.cases.case, "case")
        self._have(
            [one.target for one in news if self._is_late(one)], self.cases.history, "history"
        )
        self.changed[key] = left
        self._tell(news)
        self._settle()

    def _have(self, wanted: Sequence[str], ask: Callable[[str], object], part: Part) -> None:
        lacking: list[str] = []
        for key in wanted:
            try:
                ask(key)
            except NotAtHandError as error:
                lacking += error.keys
        if lacking:
            raise NotAtHandError(lacking, part)

    def _is_late(self, signal: Signal) -> bool:
        heard = hear_signal(signal, self.received, self.seq)
        case = self.case(signal.target)
        # What counts now needs no trial: a page of a crowd would be heard twice for nothing.
        if heard.received <= heard.effective:
            return decide.needs_history(case, heard)
        return decide.hear(case, heard, self.policies, self.now) is None

    def _settle(self) -> None:
        while self.waiting:
            target, together = self.waiting.popitem(last=False)
            self._hear(target, [hear_signal(one, self.received, self.seq) for one in together])

    def _tell(self, signals: Iterable[Signal]) -> None:
        for one in signals:
            self.waiting.setdefault(one.target, []).append(one)

    def _hear(self, key: str, inputs: Sequence[Heard]) -> None:
        for number, heard in enumerate(inputs):
            case = self.case(key)
            decided = decide.hear(case, heard, self.policies, self.now, self.cause)
            if decided is None:
                late = inputs[number:]
                history = self.history(key)
                decided = decide.rehear(case, history, late, self.policies, self.now, self.cause)
                self.heard += [(key, one) for one in late]
                self._keep(key, decided)
                self._register(key, late)
                return
            self.heard.append((key, heard))
            self._keep(key, decided)
            self._register(key, [heard])

    def _keep(self, key: str, decided: decide.Decided) -> None:
        self.changed[key] = decided.case
        self.decisions += decided.decisions
        self._tell(decided.signals)

    def _register(self, key: str, inputs: Sequence[Heard]) -> None:
        """Write new members of the group *key* into its pages, and tell them what they missed."""
        if not key.startswith("group:"):
            return
        for heard in inputs:
            signal = heard.signal
            if signal is None or signal.gone or signal.kind not in ("joined", "create"):
                continue
            if signal.kind == "joined":
                tickets = [str(signal.data["ticket"])]
            else:
                tickets = [str(one[0]) for one in signal.data["members"]]
            for ticket in tickets:
                self._write(key, ticket)
                crowd = self.changed[key].crowd
                for told in () if crowd is None else crowd.told:
                    if told.order > heard.order:
                        self._tell([_news(key, ticket, told)])

    def _write(self, key: str, ticket: str) -> None:
        group = self.changed[key].copy()
        place = keys.members(key, group.indexed // keys.MEMBERS_A_PAGE)
        page = self.case(place).copy()
        if ticket in page.roster:
            return
        page.roster = (*page.roster, ticket)
        group.indexed += 1
        self.changed[place], self.changed[key] = page, group

    def _alert(self, key: str, source: str) -> None:
        case = self.case(key).copy()
        alert = clocks.alert(case, source, self.now, self.policies)
        self.changed[key] = case
        self.decisions.append(alert._replace(cause=self.cause))


def _news(group: str, member: str, told: Fanout) -> Signal:
    return Signal(told.kind, group, member, told.order, told.data, None, told.gone)
