"""What the escalator has decided about a ticket: folded from its decisions in any order.

Whatever a decision states as it stands after it (tier, priority, cell, …) is taken from the highest
version; what happened once (a raise, a breach) is kept by its own version, so the order of arrival
does not matter. A version that is missing is known by `Case.missing` until it arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from services.tracker.core.message import Message
from shared.contract.decisions import (
    AcknowledgementTaken,
    ActRefused,
    CaseClosed,
    CaseReopened,
    Decision,
    EscalationDecision,
    EscalationEnded,
    EscalationRaised,
    GroupClosed,
    GroupJoined,
    GroupLeft,
    GroupOpened,
    TimerBreached,
    TimerDecision,
    TimerMet,
    TimerWarned,
)

REMEMBERED: Final = 24
"""How many of the latest refusals, closings and reopenings a row remembers."""

REOPENED: Final = "reopened"

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """What decisions say of one ticket.

    Attributes:
        version: The highest version seen; 0 before the first.
        seen: How many versions were seen.
        state: What the decision of the highest version states: tier, priority, cell, policy, and
            which decision it was.
        listed: The version of the newest decision that lists all timers.
        timers: By name, what the newest list says (`listed`), and what the newest decision about
            this one timer says (`told`), each with its version.
        escalations: By id, everything said of each escalation, open or ended.
        ends: The latest closings and reopenings: version, second, status or `reopened`.
        refused: The latest refusals: version, id of the refused event.
        group: The group and the version that said so; the group is None after leaving it.
        raised: Escalations raised.
        late: Decisions that were made late.
        breached: Promises broken.
        met: Promises kept.
        reopens: Times that the case was reopened.
        updated: The second of the latest decision.
    """

    version: int = 0
    seen: int = 0
    state: Plain = field(default_factory=dict)
    listed: int = 0
    timers: dict[str, Plain] = field(default_factory=dict)
    escalations: dict[str, Plain] = field(default_factory=dict)
    ends: tuple[tuple[int, int, str], ...] = ()
    refused: tuple[tuple[int, str], ...] = ()
    group: tuple[int, str | None] = (0, None)
    raised: int = 0
    late: int = 0
    breached: int = 0
    met: int = 0
    reopens: int = 0
    updated: int = 0

    @property
    def missing(self) -> int:
        """How many versions below the highest have not arrived."""
        return self.version - self.seen


def decide(case: Case, message: Message, *, late_after_s: float) -> Case:
    """Return *case* after the decision *message*; it must not have been taken before.

    Args:
        case: As far as it is known.
        message: A decision.
        late_after_s: A decision made more (virtual) seconds after its effective time is late.
    """
    data = message.data
    if not isinstance(data, Decision):
        return case
    second = int(message.at.timestamp())
    changes: Plain = {"seen": case.seen + 1}
    if data.version > case.version:
        changes["version"] = data.version
        changes["state"] = _state(message, data)
    if second > case.updated:
        changes["updated"] = second
    if data.late_by_s > late_after_s:
        changes["late"] = case.late + 1
    timers = getattr(data, "timers", None)
    if timers:
        changes |= _listed(case, data, timers)
    more = _CHANGES.get(type(data))
    if more is not None:
        changes |= more(case, data, second)
    return replace(case, **changes)


def _state(message: Message, data: Decision) -> Plain:
    return {
        "tier": data.tier,
        "priority": str(data.priority),
        "cell": data.cell,
        "policy": data.policy.name,
        "policy_version": data.policy.version,
        "type": message.type,
        "at": message.at.isoformat(),
        "late_by_s": data.late_by_s,
        "triggers": list(data.because.triggers),
    }


def _listed(case: Case, data: Decision, timers: Any) -> Plain:
    """Take the list of all timers in force; a timer that a newer list leaves out is no more."""
    kept = dict(case.timers)
    for timer in timers:
        plain = timer if isinstance(timer, dict) else timer.model_dump(mode="json")
        known = kept.get(plain["name"], {})
        if known.get("listed", {}).get("version", 0) < data.version:
            listed = {**plain, "version": data.version, "at": int(data.at.timestamp())}
            kept[plain["name"]] = {**known, "listed": listed}
    return {"timers": kept, "listed": max(case.listed, data.version)}


def _timer(state: str) -> Callable[[Case, Any, int], Plain]:
    def told(case: Case, data: TimerDecision, second: int) -> Plain:
        known = case.timers.get(data.timer, {})
        if known.get("told", {}).get("version", 0) > data.version:
            return {}
        due = None if data.due is None else data.due.isoformat()
        entry = {"state": state, "due": due, "version": data.version, "at": second}
        return {"timers": {**case.timers, data.timer: {**known, "told": entry}}}

    return told


_warned, _broken, _kept = _timer("running"), _timer("breached"), _timer("met")


def _warning(case: Case, data: TimerWarned, second: int) -> Plain:
    # `waiting_customer` is a wait for the customer and no promise of ours.
    return {} if data.step is not None else _warned(case, data, second)


def _breached(case: Case, data: TimerBreached, second: int) -> Plain:
    return {**_broken(case, data, second), "breached": case.breached + 1}


def _met(case: Case, data: TimerMet, second: int) -> Plain:
    return {**_kept(case, data, second), "met": case.met + 1}


def _about(case: Case, data: EscalationDecision, said: Plain) -> Plain:
    known = case.escalations.get(data.escalation_id, {})
    named = {"track": str(data.track), "target": data.target}
    return {"escalations": {**case.escalations, data.escalation_id: {**named, **known, **said}}}


def _raised(case: Case, data: EscalationRaised, second: int) -> Plain:
    del second
    said = {
        "tier": data.tier,
        "raised_at": data.at.isoformat(),
        "ack_due": None if data.ack_due is None else data.ack_due.isoformat(),
        "triggers": list(data.because.triggers),
        "raised": data.version,
    }
    return {**_about(case, data, said), "raised": case.raised + 1}


def _acknowledged(case: Case, data: AcknowledgementTaken, second: int) -> Plain:
    del second
    known = case.escalations.get(data.escalation_id, {})
    if known.get("acknowledged", 0) > data.version:
        return {}
    by = data.by or data.role
    said = {
        "acknowledged": data.version,
        "acknowledged_by": by,
        "acknowledged_at": data.at.isoformat(),
    }
    return _about(case, data, said)


def _ended(case: Case, data: EscalationEnded, second: int) -> Plain:
    del second
    said = {"ended": data.version, "end": str(data.reason), "ended_at": data.at.isoformat()}
    return _about(case, data, said)


def _closed(case: Case, data: CaseClosed, second: int) -> Plain:
    if data.status is None:
        return {}
    return {"ends": _newest((*case.ends, (data.version, second, str(data.status))))}


def _reopened(case: Case, data: CaseReopened, second: int) -> Plain:
    ends = _newest((*case.ends, (data.version, second, REOPENED)))
    return {"ends": ends, "reopens": case.reopens + 1}


def _refused(case: Case, data: ActRefused, second: int) -> Plain:
    del second
    return {"refused": _newest((*case.refused, (data.version, data.act_id)))}


def _grouped(case: Case, data: GroupJoined | GroupLeft, second: int) -> Plain:
    del second
    if case.group[0] > data.version:
        return {}
    return {"group": (data.version, data.group_id if isinstance(data, GroupJoined) else None)}


def _group_opened(case: Case, data: GroupOpened, second: int) -> Plain:
    return {"ends": _newest((*case.ends, (data.version, second, "open")))}


def _group_closed(case: Case, data: GroupClosed, second: int) -> Plain:
    return {"ends": _newest((*case.ends, (data.version, second, "closed")))}


def _newest(marks: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(sorted(marks)[-REMEMBERED:])


_CHANGES: Final[Mapping[type, Callable[[Case, Any, int], Plain]]] = {
    EscalationRaised: _raised,
    AcknowledgementTaken: _acknowledged,
    EscalationEnded: _ended,
    TimerWarned: _warning,
    TimerBreached: _breached,
    TimerMet: _met,
    CaseClosed: _closed,
    CaseReopened: _reopened,
    ActRefused: _refused,
    GroupOpened: _group_opened,
    GroupClosed: _group_closed,
    GroupJoined: _grouped,
    GroupLeft: _grouped,
}
"""Decisions that say more than how the case stands after them."""


def case_from(plain: Mapping[str, Any]) -> Case:
    """Return the case that was stored as JSON."""
    frozen = {
        "ends": tuple(tuple(end) for end in plain["ends"]),
        "refused": tuple(tuple(one) for one in plain["refused"]),
        "group": tuple(plain["group"]),
    }
    return Case(**cast("dict[str, Any]", {**plain, **frozen}))
