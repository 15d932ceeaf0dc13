"""What the two topics tell, read through anew for every question: slow, and easy to check.

Shares nothing with the review but the messages' models and the policy's calendars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from shared.contract.decisions import DecisionEvent
from shared.contract.events import (
    EscalationHandedOver,
    FeedbackGiven,
    StatusChanged,
    TicketEvent,
    TicketFacts,
    TicketMessage,
)
from shared.contract.times import Instant, parse_instant
from shared.policy.calendars import Calendar
from shared.policy.document import Policy
from shared.policy.local_time import parse_agreed

Plain = dict[str, Any]
Sums = dict[str, tuple[float | None, int]]
"""By the name of a number: its value, None of nothing, and of how many cases it speaks."""

DAY: Final = 86_400
_PAUSED: Final = ("waiting_customer", "scheduled_hold")


def at(decision: Plain) -> int:
    """When *decision* took effect."""
    return parse_instant(decision["time"])


@dataclass(frozen=True)
class Call:
    """One escalation: what was last said of it."""

    key: str
    raised: Plain
    taken: Plain | None
    ended: Plain | None
    told: list[Plain]

    @property
    def at(self) -> int:
        return at(self.raised)

    @property
    def asks(self) -> bool:
        return self.raised["data"]["ack_due"] is not None

    @property
    def track(self) -> str:
        return str(self.raised["data"]["track"])

    @property
    def target(self) -> str:
        return str(self.raised["data"]["target"])

    @property
    def priority(self) -> str:
        return str(self.raised["data"]["priority"])

    @property
    def ended_at(self) -> int | None:
        return None if self.ended is None else at(self.ended)

    @property
    def reason(self) -> str | None:
        return None if self.ended is None else str(self.ended["data"]["reason"])

    @property
    def code(self) -> str | None:
        return None if self.ended is None else self.ended["data"]["detail"]

    @property
    def taken_at(self) -> int | None:
        return None if self.taken is None else max(at(self.taken), self.at)


@dataclass(frozen=True)
class Told:
    """Both topics, a policy, and the period [start, end) that is asked about."""

    events: list[TicketEvent]
    decisions: list[Plain]
    policy: Policy
    start: int
    end: int
    rates: Mapping[int, float] = field(default_factory=dict)

    @cached_property
    def now(self) -> int:
        times = [parse_instant(one.time.isoformat()) for one in self.events]
        return max([*times, *(at(one) for one in self.decisions)], default=0)

    def inside(self, moment: int | None) -> bool:
        return moment is not None and self.start <= moment < self.end

    # --- which cases count --------------------------------------------------------------------

    def of(self, key: str, *types: str) -> list[Plain]:
        return [one for one in self._by_case.get(key, ()) if one["type"] in types]

    @cached_property
    def _by_case(self) -> dict[str, list[Plain]]:
        found: dict[str, list[Plain]] = {}
        for one in self.decisions:
            found.setdefault(one["subject"], []).append(one)
        return found

    def calling(self, key: str) -> list[Plain]:
        """Decisions on *key* that have somebody told."""
        return [one for one in self._by_case[key] if one["data"]["notify"]]

    @cached_property
    def tickets(self) -> list[str]:
        opened = dict.fromkeys(o["subject"] for o in self.decisions if o["type"] == "case.opened")
        return [key for key in opened if self._counts(key)]

    @cached_property
    def groups(self) -> list[str]:
        return list(
            dict.fromkeys(o["subject"] for o in self.decisions if o["type"] == "group.opened")
        )

    @cached_property
    def cases(self) -> list[str]:
        return [*self.tickets, *self.groups]

    def _counts(self, key: str) -> bool:
        ends = self.of(key, "case.closed", "case.reopened")
        last = ends[-1]["data"].get("status") if ends else None
        labels = {str(tag).casefold() for tag in self.fact(key, "tags") or ()}
        labels.add(str(self.fact(key, "category") or "").casefold())
        return last not in ("cancelled", "merged") and not labels & {"spam", "drill"}

    # --- what was said ------------------------------------------------------------------------

    def first(self, key: str) -> str:
        """The helpdesk's key of a case that came anew under `key/2`."""
        return key.partition("/")[0]

    def reported(self, key: str) -> list[tuple[int, TicketEvent]]:
        return [
            (parse_instant(one.time.isoformat()), one)
            for one in self.events
            if one.ticket == self.first(key)
        ]

    def said(self, key: str) -> list[tuple[int, TicketEvent]]:
        """What was reported while *key* was the case of its ticket."""
        return self._said[key]

    @cached_property
    def _said(self) -> dict[str, list[tuple[int, TicketEvent]]]:
        return {key: self._said_of(key) for key in self._by_case}

    def _said_of(self, key: str) -> list[tuple[int, TicketEvent]]:
        begins = sorted(
            (at(one), one["subject"])
            for one in self.decisions
            if one["type"] == "case.opened" and self.first(one["subject"]) == self.first(key)
        )
        found = []
        for moment, event in self.reported(key):
            case = self.first(key)
            for began, name in begins:
                if began <= moment and name != self.first(key):
                    case = name
            if case == key:
                found.append((moment, event))
        return found

    def fact(self, key: str, name: str) -> Any:
        value = None
        for _, event in self.reported(key):
            data = event.data
            if isinstance(data, TicketFacts) and name in data.model_fields_set:
                value = getattr(data, name)
        return value

    def teams(self, key: str) -> list[str]:
        found: list[str] = []
        for _, event in self.said(key):
            team = (event.data.model_extra or {}).get("team")
            if team and (not found or found[-1] != team):
                found.append(team)
        return found

    def messages(self, key: str) -> list[tuple[int, TicketMessage]]:
        return [(m, e.data) for m, e in self.said(key) if isinstance(e.data, TicketMessage)]

    def replies(self, key: str) -> list[int]:
        return [
            m
            for m, one in self.messages(key)
            if one.author == "agent" and one.public and not one.auto_submitted
        ]

    def feedback(self, key: str) -> list[Plain]:
        return [
            e.data.answers
            for m, e in self.said(key)
            if isinstance(e.data, FeedbackGiven) and self.inside(m)
        ]

    def refused(self, event: TicketEvent) -> bool:
        return event.id in self._refused

    @cached_property
    def _refused(self) -> set[str]:
        return {o["data"]["act_id"] for o in self.decisions if o["type"] == "act.refused"}

    def hand_overs(self, key: str) -> int:
        return sum(
            isinstance(e.data, EscalationHandedOver) and not self.refused(e)
            for _, e in self.said(key)
        )

    def status_acts(self, key: str) -> list[tuple[int, StatusChanged]]:
        return [
            (m, e.data)
            for m, e in self.said(key)
            if isinstance(e.data, StatusChanged) and not self.refused(e)
        ]

    # --- how it stood -------------------------------------------------------------------------

    def happened(self, key: str) -> list[tuple[int, int, str, str | None]]:
        """What moves the status: letters of the customer, decisions, and what people said."""
        found: list[tuple[int, int, str, str | None]] = []
        for moment, one in self.messages(key):
            if one.author == "customer" and not one.auto_submitted:
                found.append((moment, 0, "letter", None))
        for decision in self.of(key, "case.reopened", "case.closed"):
            closed = decision["type"] == "case.closed"
            status = (decision["data"]["status"] or "closed") if closed else "open"
            found.append((at(decision), 1, status, None))
        for moment, act in self.status_acts(key):
            found.append((moment, 2, act.status.value, act.resume_at))
        return sorted(found, key=lambda one: one[:2])

    def history(self, key: str) -> list[tuple[int, str]]:
        """Every status with the second from which it held, one happening after the other."""
        return self._histories[key]

    @cached_property
    def _histories(self) -> dict[str, list[tuple[int, str]]]:
        return {key: self._history(key) for key in self._by_case}

    def _history(self, key: str) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = [(0, "nothing yet")]
        wakes: int | None = None
        for moment, _, what, resume_at in self.happened(key):
            if wakes is not None and wakes < moment:
                found.append((wakes, "open"))
                wakes = None
            since, now = found[-1]
            if what == "letter":
                if now in _PAUSED and since < moment:
                    found.append((moment, "open"))
                    wakes = None
            elif what != now:
                found.append((moment, what))
                hold = what == "scheduled_hold" and resume_at is not None
                wakes = parse_agreed(str(resume_at)) if hold else None
        return found[1:] if wakes is None else [*found[1:], (wakes, "open")]

    def spells(self, key: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
        """Each status between *start* and *end*, with from and to."""
        known = [(0, "new"), *self.history(key)]
        for number, (since, status) in enumerate(known):
            until = known[number + 1][0] if number + 1 < len(known) else end
            if max(since, start) < min(until, end):
                yield status, max(since, start), min(until, end)

    def opened_at(self, key: str) -> int:
        return at(self.of(key, "case.opened", "group.opened")[0])

    def plan(self, key: str) -> str:
        return str(self._opening(key).get("plan") or "standard")

    def _opening(self, key: str) -> Plain:
        facts: Plain = self.of(key, "case.opened", "group.opened")[0]["data"]["because"]["facts"]
        return facts

    def grades(self, key: str) -> list[tuple[str, str]]:
        """Severity and priority after each opening and change of cell."""
        return [
            (one["data"]["cell"].split("/")[0], one["data"]["priority"])
            for one in self.of(key, "case.opened", "group.opened", "case.reclassified")
        ]

    def tiers(self, key: str) -> list[tuple[int, int]]:
        found = []
        for one in self.of(key, "case.opened", "group.opened", "case.reopened", "tier.changed"):
            data = one["data"]
            found.append((at(one), data["to_tier" if one["type"] == "tier.changed" else "tier"]))
        return found

    def resolutions(self, key: str) -> list[tuple[int, int, str | None]]:
        """When, in which tier and of what cause it was resolved, each time."""
        return self._resolutions[key]

    @cached_property
    def _resolutions(self) -> dict[str, list[tuple[int, int, str | None]]]:
        return {key: self._resolved(key) for key in self._by_case}

    def _resolved(self, key: str) -> list[tuple[int, int, str | None]]:
        found: list[tuple[int, int, str | None]] = []
        over = False
        for one in self.of(key, "case.closed", "case.reopened"):
            if one["type"] == "case.reopened":
                over = False
            elif one["data"]["status"] in ("resolved", "closed") and not over:
                over = True
                cause = None
                for moment, act in self.status_acts(key):
                    if moment == at(one) and act.status in ("resolved", "closed"):
                        cause = act.cause_class
                found.append((at(one), one["data"]["tier"], cause))
        return found

    def reopenings(self, key: str) -> list[int]:
        """When it came back after a resolution; a merge that is taken back is none."""
        found = []
        over = False
        for one in self.of(key, "case.closed", "case.reopened"):
            if one["type"] == "case.reopened":
                found += [at(one)] if over else []
                over = False
            else:
                over = over or one["data"]["status"] in ("resolved", "closed")
        return found

    def resolved_at(self, key: str) -> int | None:
        found = self.resolutions(key)
        if not found or any(moment >= found[-1][0] for moment in self.reopenings(key)):
            return None
        return found[-1][0]

    def cause(self, key: str) -> str:
        found = self.resolutions(key)
        said = found[-1][2] if found else None
        other = (self.fact(key, name) for name in ("component", "symptom", "category"))
        return said or next((one for one in other if one), "no class")

    # --- sets ---------------------------------------------------------------------------------

    @cached_property
    def created(self) -> list[str]:
        return [key for key in self.tickets if self.inside(self.opened_at(key))]

    @cached_property
    def resolved(self) -> list[str]:
        return [key for key in self.tickets if self.inside(self.resolved_at(key))]

    def calls(self, key: str) -> list[Call]:
        """Every escalation of *key*, of those raised again under one id the last."""
        return self._calls[key]

    @cached_property
    def _calls(self) -> dict[str, list[Call]]:
        return {key: self._called(key) for key in self._by_case}

    def _called(self, key: str) -> list[Call]:
        said: dict[str, list[Plain]] = {}
        for one in self._by_case[key]:
            if one["type"] == "escalation.raised":
                said[one["data"]["escalation_id"]] = [one]
            elif one["type"].startswith("escalation."):
                said[one["data"]["escalation_id"]].append(one)
        return [Call(key, *_fate(some)) for some in said.values()]

    @cached_property
    def raised(self) -> list[Call]:
        return [one for key in self.cases for one in self.calls(key) if self.inside(one.at)]

    @cached_property
    def acknowledged(self) -> list[Call]:
        return [one for one in self.raised if one.asks and one.taken is not None]

    def stops(self, key: str) -> list[tuple[Plain, bool]]:
        """Promises kept or broken in the period; a breach that was taken back is none."""
        said = self.of(key, "timer.met", "timer.breached")
        found = []
        for number, one in enumerate(said):
            taken_back = one["type"] == "timer.breached" and any(
                later["type"] == "timer.met"
                and later["data"]["timer"] == one["data"]["timer"]
                and later["data"]["due"] == one["data"]["due"]
                and at(later) <= at(one)
                for later in said[number + 1 :]
            )
            if self.inside(at(one)) and not taken_back:
                found.append((one, one["type"] == "timer.met"))
        return found

    # --- time ---------------------------------------------------------------------------------

    def calendar(self, key: str, *, internal: bool = False) -> Calendar:
        severity, priority = self.grades(key)[-1]
        region = self._opening(key).get("region")
        if internal:
            return self.policy.internal_calendar(severity, priority, self.plan(key), region)
        return self.policy.calendar_for(priority, self.plan(key), region)

    def counted(self, key: str, start: int, end: int, timer: str) -> int:
        """Open seconds between *start* and *end* in statuses in which *timer* runs."""
        calendar = self.calendar(key, internal=timer == "tier_dwell")
        return sum(
            calendar.consumed(Instant(since), Instant(until))
            for status, since, until in self.spells(key, start, end)
            if self.policy.treatment(status, timer) == "run"
        )


def _fate(said: list[Plain]) -> tuple[Plain, Plain | None, Plain | None, list[Plain]]:
    """Of all that was said of one escalation: its raise, who took it, its end, and its notices."""
    of = {
        kind: [one for one in said if one["type"] == f"escalation.{kind}"]
        for kind in ("acknowledged", "ended", "notice_due")
    }
    taken, ended = ([None, *of[kind]][-1] for kind in ("acknowledged", "ended"))
    return said[0], taken, ended, of["notice_due"]


def plain(decision: DecisionEvent) -> Plain:
    """Return *decision* as plain JSON in which nothing is left away."""
    return {
        "type": decision.type,
        "subject": decision.ticket,
        "time": decision.time.isoformat(),
        "data": decision.data.model_dump(mode="json"),
    }
