"""Events and decisions into lives, whatever the order in which tickets come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.contract.decisions import (
    ActRefused,
    CaseClosed,
    CaseOpened,
    CaseReclassified,
    CaseReopened,
    DecisionEvent,
    GroupJoined,
    GroupOpened,
    TierChanged,
    TimerBreached,
    TimerMet,
)
from shared.contract.events import (
    EscalationHandedOver,
    FeedbackGiven,
    StatusChanged,
    TicketEvent,
    TicketFacts,
    TicketMessage,
    TicketObserved,
)
from shared.contract.times import Instant, instant
from shared.contract.vocabulary import Author, Implied, Status
from shared.review import facts, raises, standing
from shared.review.lives import Feedback, Life, Message, Resolution, Stop
from shared.review.standing import Mark


@dataclass(frozen=True, slots=True)
class _Said:
    """What somebody did to a case, and in which event: it may turn out to be refused."""

    at: Instant
    id: str


@dataclass(frozen=True, slots=True)
class _SaidStatus(_Said):
    data: StatusChanged


_Act = TypeVar("_Act", bound=_Said)
_Dated = TypeVar("_Dated", Message, Feedback, _SaidStatus, _Said)


class Lives:
    """Every ticket of which something was heard or decided.

    Feed it all events, then all decisions, each in the order in which they were taken.
    """

    def __init__(self) -> None:
        self._lives: dict[str, Life] = {}
        self._status_said: dict[str, list[_SaidStatus]] = defaultdict(list)
        self._handed_over: dict[str, list[_Said]] = defaultdict(list)
        self._refused: dict[str, set[str]] = defaultdict(set)
        self._seen: set[tuple[str, str]] = set()
        self.duplicates = 0
        self.late = 0
        self.skewed = 0
        self.last = Instant(0)

    def hear(self, event: TicketEvent) -> None:
        """Take *event*; a repeat of one that was taken before is only counted."""
        if (event.source, event.id) in self._seen:
            self.duplicates += 1
            return
        self._seen.add((event.source, event.id))
        at = instant(event.time)
        if event.receivedat is not None:
            received = instant(event.receivedat)
            self.late += received > at
            self.skewed += at > received
            at = min(at, received)
        self.last = max(self.last, at)
        self._heard(self.life(event.ticket), event, at)

    def life(self, key: str) -> Life:
        """Return the life of *key*, begun now if need be."""
        return self._lives.setdefault(key, Life(key))

    def decided(self, decision: DecisionEvent) -> None:
        """Take *decision*, the next of its ticket."""
        data = decision.data
        life, at = self.life(decision.ticket), instant(decision.time)
        self.last = max(self.last, at)
        rings = at if data.hold_until is None else instant(data.hold_until)
        for one in data.notify:
            life.people_told.append((rings, one.role, one.mode.value, decision.type))
        if data.notify:
            life.told.append(at)
        match data:
            case CaseOpened() | GroupOpened():
                self._opened(life, data, at)
            case CaseReopened():
                # A merge or a cancellation that is taken back is no reopening.
                if life.resolved_at is not None:
                    life.reopens.append(at)
                life.merged = life.cancelled = False
                life.tiers.append((at, data.tier))
                life.statuses.append((at, "open"))
            case CaseReclassified():
                self._graded(life, data.cell, data.priority, at)
            case CaseClosed():
                self._closed(life, data, at)
            case TierChanged():
                life.tiers.append((at, data.to_tier))
                if data.direction == "down":
                    life.downs.append(at)
            case _:
                self._happened(life, decision, at)

    def _happened(self, life: Life, decision: DecisionEvent, at: Instant) -> None:
        match decision.data:
            case (TimerMet() | TimerBreached()) as data:
                due = None if data.due is None else instant(data.due)
                self._stopped(life, data, at, due)
            case ActRefused() as data:
                life.refused.append((at, data.code))
                self._refused[data.act_id].add(life.key)
            case GroupJoined() as data:
                self._joined(self.life(data.group_id), life)
            case _:
                raises.escalated(life, decision, at)

    def _joined(self, group: Life, member: Life) -> None:
        group.joined.add(member.key)
        began = member.opened_at
        if began is not None and (group.first_member_at is None or began < group.first_member_at):
            group.first_member_at = began

    def all(self) -> list[Life]:
        """Return every life, sorted by key, its lists in the order of time."""
        for key in sorted(self._lives):
            self._continue(self._lives[key])
        for life in self._lives.values():
            self._finish(life)
        return [self._lives[key] for key in sorted(self._lives)]

    def _heard(self, life: Life, event: TicketEvent, at: Instant) -> None:
        data = event.data
        match data:
            case TicketFacts():
                facts.told(life, data, at)
                if isinstance(data, TicketObserved) and data.status is not None:
                    self._observed(life, event.id, data, at)
            case TicketMessage():
                life.messages.append(
                    Message(
                        at,
                        data.author.value,
                        data.public,
                        data.auto_submitted,
                        data.asks_customer,
                        None if data.note_kind is None else data.note_kind.value,
                        data.by or data.author_id,
                        data.text or "",
                        data.role,
                    )
                )
            case StatusChanged():
                self._status_said[life.key].append(_SaidStatus(at, event.id, data))
            case EscalationHandedOver():
                self._handed_over[life.key].append(_Said(at, event.id))
            case FeedbackGiven():
                life.feedback.append(
                    Feedback(at, life.key, data.escalation_id, data.by, data.answers)
                )
            case _:
                pass

    def _observed(self, life: Life, name: str, data: TicketObserved, at: Instant) -> None:
        """Take the status of a snapshot where it is another than before, and what it implies."""
        said = self._status_said[life.key]
        before = said[-1].data.status if said else Status.NEW
        if data.status is None or data.status == before:
            return
        said.append(_SaidStatus(at, name, StatusChanged(status=data.status, by=data.by)))
        first_only = data.implies is Implied.FIRST_REPLY
        if data.implies is not None and not (first_only and life.first_reply_at is not None):
            asks = data.implies is Implied.QUESTION
            life.messages.append(
                Message(
                    at,
                    Author.AGENT.value,
                    public=True,
                    automatic=False,
                    asks=asks,
                    kind=None,
                    by=data.by,
                    text="",
                )
            )

    def _opened(self, life: Life, data: CaseOpened | GroupOpened, at: Instant) -> None:
        given = data.because.facts
        life.opened_at = at
        life.policy_version = data.policy.version
        life.plan = given.get("plan") or life.plan
        life.region = given.get("region") or life.region
        life.vip = bool(given.get("vip"))
        if isinstance(data, CaseOpened):
            life.recurrence_of = data.recurrence_of
        life.tiers.append((at, data.tier))
        self._graded(life, data.cell, data.priority, at)

    def _graded(self, life: Life, cell: str, priority: str, at: Instant) -> None:
        severity, _, life.impact = cell.partition("/")
        life.grades.append((at, severity, str(priority)))

    def _closed(self, life: Life, data: CaseClosed, at: Instant) -> None:
        status = "" if data.status is None else data.status.value
        life.statuses.append((at, status or "closed"))
        life.merged = status == "merged"
        life.cancelled = status == "cancelled"
        # A helpdesk closes what it has resolved; that is no second resolution.
        if status in ("resolved", "closed") and life.resolved_at is None:
            life.resolutions.append(Resolution(at, data.tier))

    def _stopped(
        self, life: Life, data: TimerMet | TimerBreached, at: Instant, due: Instant | None
    ) -> None:
        kept = isinstance(data, TimerMet)
        if kept:
            # An event that came late shows that it was in time after all: the breach is no more.
            life.stops = [
                one
                for one in life.stops
                if one.kept or one.timer != data.timer or one.due != due or at > one.at
            ]
        life.stops.append(Stop(data.timer, at, due, kept, data.priority.value))

    def _continue(self, life: Life) -> None:
        """Give a case that came anew under `key/2` its facts, and what was said since it opened."""
        old = self._lives.get(life.recurrence_of or "")
        began = life.opened_at
        if old is None or began is None or not life.key.startswith(f"{old.key.partition('/')[0]}/"):
            return
        for name in (*facts.PLAIN, "customer", "tags", "channel"):
            setattr(life, name, getattr(old, name))
        life.messages, old.messages = _parted(old.messages, began)
        life.feedback, old.feedback = _parted(old.feedback, began)
        life.teams = [one for one in old.teams if one[0] >= began]
        old.teams = [one for one in old.teams if one[0] < began]
        status, handed = self._status_said, self._handed_over
        status[life.key], status[old.key] = _parted(status[old.key], began)
        handed[life.key], handed[old.key] = _parted(handed[old.key], began)

    def _finish(self, life: Life) -> None:
        marks = [Mark(at, status) for at, status in life.statuses]
        for one in self._accepted(self._status_said, life.key):
            marks.append(standing.said(one.at, one.data))
            for resolution in life.resolutions:
                if resolution.at == one.at and one.data.status in ("resolved", "closed"):
                    resolution.automatic = False
                    resolution.cause = one.data.cause_class
                    resolution.avoidable = one.data.avoidable
        life.hand_overs = [one.at for one in self._accepted(self._handed_over, life.key)]
        life.messages.sort(key=lambda one: one.at)
        wrote = [one.at for one in life.messages if one.author == "customer" and not one.automatic]
        life.statuses = standing.statuses(marks, wrote)
        life.tiers.sort(key=lambda one: one[0])
        life.stops.sort(key=lambda one: one.at)

    def _accepted(self, said: Mapping[str, list[_Act]], key: str) -> list[_Act]:
        """Return what was *said* on *key* and was not refused, by its case or by its group."""
        return [
            one
            for one in said.get(key, ())
            if not any(
                ticket == key or self._lives[ticket].is_group
                for ticket in self._refused.get(one.id, ())
            )
        ]


def _parted(some: Sequence[_Dated], began: Instant) -> tuple[list[_Dated], list[_Dated]]:
    """Return what of *some* came from *began* on, and what came before."""
    later = [one for one in some if one.at >= began]
    return later, [one for one in some if one.at < began]


def lives(events: Iterable[TicketEvent], decisions: Iterable[DecisionEvent]) -> Lives:
    """Return what *events* and *decisions* tell of each ticket."""
    found = Lives()
    for event in events:
        found.hear(event)
    for decision in decisions:
        found.decided(decision)
    return found
