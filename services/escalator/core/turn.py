"""One instant at work on one case: the working copy, what was decided, and the rows that asked.

Everything that happens to a case at one instant goes through one `Turn`; when the instant is
over, `rows.settle` turns the rows that hold into escalations and notices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.escalator.core.case import Case, Clocks, Debt, Fanout, Order
from services.escalator.core.inputs import Signal
from shared.contract.decisions import TITLE_AT_MOST
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, rfc3339
from shared.policy.calendars import Calendar
from shared.policy.document import Addressee, Policy, PolicyTimeline, Row

_ABOUT: Final = ("title", "url", "owner", "customer", "component", "service")


@dataclass(slots=True)
class Effect:
    """A decision before it has a version: its type, its effective instant and its data.

    `cause` is the id of the event that led to it; None where time alone did.
    """

    type: str
    at: Instant
    data: dict[str, Any]
    cause: str | None = None


@dataclass(slots=True)
class Asked:
    """A row of a trigger that holds at this instant.

    `told_by` is the decision whose `notify` carries the row's people when the row neither raises
    nor joins; `always` marks the rows that raise even where they ask for no higher tier. `people`
    stand for the row's `cell_notify`, `least_tier` for the tier that its `cell_start` asks for,
    and `debt` is what an escalation by this row owes.
    """

    trigger: str
    row: Row
    told_by: Effect | None = None
    always: bool = False
    arithmetic: tuple[str, ...] = ()
    people: tuple[Addressee, ...] = ()
    least_tier: int = 1
    debt: Debt | None = None


@dataclass(slots=True)
class Turn:
    """The working copy of a case at one instant, under the rules in force.

    `cause` is the place in the history of what is being dealt with. `stated` are the clocks as
    others know them, by the first `settled` of the effects (`deadlines`).
    """

    case: Case
    at: Instant
    policies: PolicyTimeline
    policy: Policy
    cause: Order
    restored: dict[tuple[str, str, int], Instant] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    fanouts: list[Fanout] = field(default_factory=list)
    stated: Clocks = field(init=False)
    settled: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Take it that others know the clocks as they stand before anything happens."""
        self.stated = self.case.clocks

    @property
    def promise_policy(self) -> Policy:
        """The version whose promises to the customer bind this case (The two clocks)."""
        version = self.case.promise_version
        return self.policy if version == self.policy.version else self.policies.version(version)

    @property
    def internal_calendar(self) -> Calendar:
        """The calendar of dwell, ladders and notices now (Calendars, quiet hours)."""
        case = self.case
        return self.policy.internal_calendar(case.severity, case.priority, case.plan, case.region)

    @property
    def promise_calendar(self) -> Calendar:
        """The calendar in which the promises to the customer count now."""
        case = self.case
        return self.promise_policy.calendar_for(case.priority, case.plan, case.region)

    def say(
        self,
        kind: str,
        triggers: Sequence[str],
        more: dict[str, Any],
        *,
        facts: dict[str, Any] | None = None,
        arithmetic: Sequence[str] = (),
    ) -> Effect:
        """Record a decision of type *kind* with the case as it stands, and return it.

        *more* holds the keys of that type; *facts* and *arithmetic* let a reader redo the sum.
        """
        case = self.case
        data: dict[str, Any] = {
            "ticket": case.ticket,
            "version": 0,
            "tier": case.tier,
            "priority": case.priority,
            "cell": case.cell,
            "policy": self.policy.reference,
            "at": rfc3339(self.at),
            "late_by_s": 0,
            "because": {
                "triggers": list(triggers),
                "rule": triggers[0] if triggers else None,
                "facts": facts or {},
                "arithmetic": list(arithmetic),
            },
        }
        if case.flags and self._is_restricted():
            data["restricted"] = True
        if about := self._about():
            data["about"] = about
        data.update(more)
        effect = Effect(kind, self.at, data)
        self.effects.append(effect)
        return effect

    def _is_restricted(self) -> bool:
        known = self.policy.overrides
        return any(name in known and known[name].restricted for name in self.case.flags)

    def _about(self) -> dict[str, Any]:
        """Return what the case is about, as far as the ticket says: for whoever tells people of it."""
        facts = self.case.facts
        about = {name: facts[name] for name in _ABOUT if facts.get(name) is not None}
        if "title" in about:
            about["title"] = about["title"][:TITLE_AT_MOST]
        return about

    def tell(self, effect: Effect, notify: list[dict[str, Any]], calendar: Calendar) -> None:
        """Put the people to tell into *effect*, held until *calendar* opens if it is closed."""
        effect.data["notify"] = notify
        if notify:
            effect.data["hold_until"] = hold_until(calendar, self.at)
        digest = self._digest()
        if digest is not None and any(
            one["role"] == digest["role"] and one["mode"] == "digest" for one in notify
        ):
            effect.data["digest"] = digest

    def _digest(self) -> dict[str, Any] | None:
        """Return how account managers are told of the group that the case is, or is in."""
        case, rules = self.case, self.policy.file.grouping.member_escalations
        about = case.ticket if case.crowd is not None else case.group
        if about is None:
            return None
        own = case.facts.get("customer")
        customers = case.crowd.customers if case.crowd is not None else (own,) if own else ()
        return {
            "role": rules.digest_to,
            "about": about,
            "every_s": rules.digest_at_most_every,
            "customers": list(customers),
        }

    def ask(self, trigger: str, told_by: Effect | None = None, **more: Any) -> None:
        """Let the row of *trigger* for the case's priority ask at this instant, if it has one."""
        row = self.policy.trigger(trigger, self.case.priority)
        if row is not None:
            self.asked.append(Asked(trigger, row, told_by, **more))

    def send(
        self, kind: str, target: str, data: dict[str, Any], event: TicketEvent | None = None
    ) -> None:
        """Let the case *target* hear a signal of *kind* that takes effect at this instant."""
        at, rank, seq, depth = self.cause
        order = (max(self.at, at), rank, seq, depth + 1)
        self.signals.append(Signal(kind, self.case.ticket, target, order, data, event))

    def tell_members(self, kind: str, data: dict[str, Any]) -> None:
        """Let every member of this group hear a signal of *kind* that takes effect now."""
        _, rank, seq, depth = self.cause
        told = Fanout(kind, (self.at, rank, seq, depth + 1), data)
        self.fanouts.append(told)
        crowd = self.case.crowd
        if crowd is not None:
            self.case.crowd = crowd._replace(told=(*crowd.told, told))


def hold_until(calendar: Calendar, at: Instant) -> str | None:
    """Return when a notice of instant *at* may go out, or None for at once (Quiet hours)."""
    return None if calendar.is_open(at) else rfc3339(calendar.next_opening(at))
