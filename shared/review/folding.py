"""Events and decisions into lives, whatever the order in which tickets come."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.contract.decisions import (
    AcknowledgementTaken,
    ActRefused,
    CaseClosed,
    CaseOpened,
    CaseReclassified,
    CaseReopened,
    DecisionEvent,
    EscalationEnded,
    EscalationRaised,
    GroupJoined,
    GroupOpened,
    NoticeDue,
    TierChanged,
    TimerBreached,
    TimerMet,
)
from shared.contract.events import (
    EscalationDeclined,
    EscalationHandedOver,
    EscalationReturned,
    FeedbackGiven,
    InfoSupplied,
    StatusChanged,
    TicketEvent,
    TicketFacts,
    TicketMessage,
    TicketObserved,
)
from shared.contract.times import Instant, instant
from shared.contract.vocabulary import Author, Implied, Status
from shared.policy.local_time import parse_agreed
from shared.review.lives import PAUSES, Feedback, Life, Message, Raise, Resolution, Stop

TEAM: Final = ("assignment_group", "team", "group")
"""Under which names a helpdesk's events carry the group that works on a ticket."""

CHANNEL: Final = ("channel", "contact_type")
"""Under which names they carry the way on which it came."""

_PLAIN: Final = ("service", "component", "symptom", "category", "requester", "owner", "title")


class Lives:
    """Every ticket of which something was heard or decided.

    Feed it all events, then all decisions, each in the order in which they were taken.
    """

    def __init__(self) -> None:
        self._lives: dict[str, Life] = {}
        self._status_said: dict[str, list[tuple[Instant, str, StatusChanged]]] = {}
        self._codes: dict[tuple[str, Instant], str] = {}
        self._supplied: dict[str, list[tuple[Instant, frozenset[str]]]] = {}
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
                life.reopens.append(at)
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
                self._forget_status(life, data.act_id)
            case GroupJoined() as data:
                self._joined(self.life(data.group_id), life)
            case _:
                self._escalated(life, decision, at)

    def _joined(self, group: Life, member: Life) -> None:
        group.joined.add(member.key)
        began = member.opened_at
        if began is not None and (group.first_member_at is None or began < group.first_member_at):
            group.first_member_at = began

    def all(self) -> list[Life]:
        """Return every life, sorted by key, its lists in the order of time."""
        for key in sorted(self._lives):
            self._continue(self._lives[key])
        for key, life in self._lives.items():
            self._finish(key, life)
        return [self._lives[key] for key in sorted(self._lives)]

    def _heard(self, life: Life, event: TicketEvent, at: Instant) -> None:
        data = event.data
        match data:
            case TicketFacts():
                self._told(life, data, at)
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
                self._status_said.setdefault(life.key, []).append((at, event.id, data))
            case EscalationReturned() | EscalationDeclined() if data.reason_code is not None:
                self._codes[life.key, at] = data.reason_code
            case EscalationHandedOver():
                life.hand_overs.append(at)
            case InfoSupplied():
                given = frozenset(data.info or ())
                self._supplied.setdefault(life.key, []).append((at, given))
            case FeedbackGiven():
                life.feedback.append(
                    Feedback(at, life.key, data.escalation_id, data.by, data.answers)
                )
            case _:
                pass

    def _observed(self, life: Life, name: str, data: TicketObserved, at: Instant) -> None:
        """Take the status of a snapshot where it is another than before, and what it implies."""
        said = self._status_said.setdefault(life.key, [])
        before = said[-1][2].status if said else Status.NEW
        if data.status is None or data.status == before:
            return
        said.append((at, name, StatusChanged(status=data.status, by=data.by)))
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

    def _told(self, life: Life, data: TicketFacts, at: Instant) -> None:
        for name in _PLAIN:
            if name in data.model_fields_set:
                setattr(life, name, getattr(data, name) or ("" if name == "title" else None))
        if data.tags is not None:
            life.tags = frozenset(tag.casefold() for tag in data.tags)
        if data.customer is not None:
            life.customer = data.customer.id or data.customer.name or life.customer
        extra: Mapping[str, Any] = data.model_extra or {}
        for name in TEAM:
            team = extra.get(name)
            if isinstance(team, str) and team and (not life.teams or life.teams[-1][1] != team):
                life.teams.append((at, team))
        for name in CHANNEL:
            if isinstance(extra.get(name), str) and extra[name]:
                life.channel = extra[name]
        if isinstance(extra.get("made_sla"), str):
            life.desk_kept = extra["made_sla"].upper() == "TRUE"

    def _opened(self, life: Life, data: CaseOpened | GroupOpened, at: Instant) -> None:
        facts = data.because.facts
        life.opened_at = at
        life.policy_version = data.policy.version
        life.plan = facts.get("plan") or life.plan
        life.region = facts.get("region") or life.region
        life.vip = bool(facts.get("vip"))
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

    def _escalated(self, life: Life, decision: DecisionEvent, at: Instant) -> None:
        match decision.data:
            case EscalationRaised() as data:
                life.raises[data.escalation_id] = _raised(life.key, data, at)
                if "T19" in data.because.triggers:
                    life.stale.append(at)
            case NoticeDue() as data if data.step is None:
                self._joined_by(life, data, at)
            case AcknowledgementTaken() as data:
                one = life.raises.get(data.escalation_id)
                if one is not None:
                    one.acknowledged_at = Instant(max(at, one.at))
                    one.step = data.step
            case EscalationEnded() as data:
                one = life.raises.get(data.escalation_id)
                if one is not None:
                    one.ended_at, one.reason, one.detail = at, data.reason.value, data.detail
                    one.code = self._codes.get((life.key, at))
            case _:
                pass

    def _joined_by(self, life: Life, data: NoticeDue, at: Instant) -> None:
        """Take what another trigger tells the people of an open escalation."""
        if "T19" in data.because.triggers:
            life.stale.append(at)
        one = life.raises.get(data.escalation_id)
        if one is not None and "T18" in data.because.triggers:
            one.unreported.append(at)

    def _forget_status(self, life: Life, act_id: str) -> None:
        said = self._status_said.get(life.key, [])
        self._status_said[life.key] = [one for one in said if one[1] != act_id]

    def _continue(self, life: Life) -> None:
        """Give a case that came anew under `key/2` its facts, and what was said since it opened."""
        old = self._lives.get(life.recurrence_of or "")
        began = life.opened_at
        if old is None or began is None or not life.key.startswith(f"{old.key.partition('/')[0]}/"):
            return
        for name in (*_PLAIN, "customer", "tags"):
            setattr(life, name, getattr(old, name))
        life.messages += [one for one in old.messages if one.at >= began]
        old.messages = [one for one in old.messages if one.at < began]
        said = self._status_said.get(old.key, [])
        self._status_said[life.key] = [one for one in said if one[0] >= began]
        self._status_said[old.key] = [one for one in said if one[0] < began]

    def _finish(self, key: str, life: Life) -> None:
        said = self._status_said.pop(key, [])
        statuses = list(life.statuses)
        resumes: dict[Instant, Instant] = {}
        for at, _, data in said:
            statuses.append((at, data.status.value))
            ends = _resumes(data)
            if ends is not None:
                resumes[at] = ends
            for one in life.resolutions:
                if one.at == at and data.status in ("resolved", "closed"):
                    one.automatic = False
                    one.cause, one.avoidable = data.cause_class, data.avoidable
        life.statuses = sorted(dict.fromkeys(statuses), key=lambda one: one[0])
        life.messages.sort(key=lambda one: one.at)
        _end_pauses(life, resumes)
        life.tiers.sort(key=lambda one: one[0])
        life.stops.sort(key=lambda one: one.at)
        for raised in life.raises.values():
            for at, given in self._supplied.get(key, ()):
                if raised.paid_at is None and at >= raised.at and set(raised.owed) <= given:
                    raised.paid_at = at


def _raised(ticket: str, data: EscalationRaised, at: Instant) -> Raise:
    debt = data.info_debt
    return Raise(
        data.escalation_id,
        ticket,
        data.track.value,
        data.target,
        tuple(data.because.triggers),
        at,
        data.priority.value,
        data.tier,
        data.policy.version,
        data.ack_due is not None,
        owed=() if debt is None else debt.fields,
        owed_by=None if debt is None else instant(debt.due),
        ack_due=None if data.ack_due is None else instant(data.ack_due),
    )


def _end_pauses(life: Life, resumes: Mapping[Instant, Instant]) -> None:
    """Add the end that a customer's message makes of a pause, or the time that was agreed."""
    wrote = sorted(one.at for one in life.messages if one.author == "customer")
    ends: list[tuple[Instant, str]] = []
    later = [at for at, _ in life.statuses[1:]]
    for (since, status), until in zip(life.statuses, [*later, None], strict=False):
        if status in PAUSES:
            index = bisect_right(wrote, since)
            over = wrote[index : index + 1]
            if status == "scheduled_hold" and since in resumes:
                over.append(resumes[since])
            if over and (until is None or min(over) < until):
                ends.append((min(over), "open"))
    life.statuses = sorted([*life.statuses, *ends], key=lambda one: one[0])


def _resumes(data: StatusChanged) -> Instant | None:
    """Return when a hold ends by itself, None for what is no hold or names no time."""
    if data.status is not Status.SCHEDULED_HOLD or data.resume_at is None:
        return None
    try:
        return parse_agreed(data.resume_at)
    except ValueError:
        return None


def lives(events: Iterable[TicketEvent], decisions: Iterable[DecisionEvent]) -> Lives:
    """Return what *events* and *decisions* tell of each ticket."""
    found = Lives()
    for event in events:
        found.hear(event)
    for decision in decisions:
        found.decided(decision)
    return found
