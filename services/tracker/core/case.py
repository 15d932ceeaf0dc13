"""What the escalator has decided about a ticket: folded from its decisions in any order.

Whatever a decision states as it stands after it (tier, priority, cell, …) is taken from the highest
version; what happened once (a raise, a breach) is kept by its own version, so the order of arrival
does not matter. A version that is missing is known by `Case.missing` until it arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, cast

from services.tracker.core.message import Message
from shared.contract.decisions import (
    AcknowledgementTaken,
    ActRefused,
    CaseClosed,
    CaseOpened,
    CaseReopened,
    Decision,
    EscalationDecision,
    EscalationEnded,
    EscalationRaised,
    GroupClosed,
    GroupJoined,
    GroupLeft,
    GroupOpened,
    NoticeDue,
    Notify,
    Timer,
    TimerBreached,
    TimerDecision,
    TimerMet,
)

REMEMBERED: Final = 24
"""How many of the latest refusals, closings and reopenings a row remembers."""

REOPENED: Final = "reopened"
"""Stands among the statuses that a case ended in: it goes on."""

Plain = dict[str, Any]


class End(NamedTuple):
    """A closing or a reopening: its version, its second, and the status or `REOPENED`."""

    version: int
    second: int
    status: str


class Refusal(NamedTuple):
    """A refused act: the version that refused it, and the id of its event."""

    version: int
    act_id: str


@dataclass(frozen=True, slots=True)
class Case:
    """What decisions say of one ticket.

    Attributes:
        version: The highest version seen; 0 before the first.
        seen: How many versions were seen.
        state: What the decision of the highest version states: tier, priority, cell, policy, and
            which decision it was.
        listed: The version of the newest decision that lists all timers.
        timers: By name, what the newest list says (`listed`), and how it was kept or broken as the
            newest decision about this one timer says (`told`), each with its version.
        escalations: By id, everything said of each escalation, open or ended.
        ends: The latest closings and reopenings.
        refused: The latest refusals.
        group: The group and the version that said so; the group is None after leaving it.
        raised: Escalations raised.
        late: Decisions that were made late.
        breached: Promises broken.
        met: Promises kept.
        reopens: Times that the case was reopened.
        recurrence_of: The case that this one repeats, whose ticket is its own.
        updated: The second of the latest decision.
    """

    version: int = 0
    seen: int = 0
    state: Plain = field(default_factory=dict)
    listed: int = 0
    timers: dict[str, Plain] = field(default_factory=dict)
    escalations: dict[str, Plain] = field(default_factory=dict)
    ends: tuple[End, ...] = ()
    refused: tuple[Refusal, ...] = ()
    group: tuple[int, str | None] = (0, None)
    raised: int = 0
    late: int = 0
    breached: int = 0
    met: int = 0
    reopens: int = 0
    recurrence_of: str | None = None
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
    assert isinstance(data, Decision)  # noqa: S101  that topic carries nothing else
    second = int(message.at.timestamp())
    changes: Plain = {"seen": case.seen + 1, "updated": max(case.updated, second)}
    if data.version > case.version:
        changes |= {"version": data.version, "state": _state(message, data)}
    if data.late_by_s > late_after_s:
        changes["late"] = case.late + 1
    if data.timers:
        case = replace(case, **_listed(case, data))
    more = _CHANGES.get(type(data))
    if more is not None:
        changes |= more(case, data)
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


def _listed(case: Case, data: Decision) -> Plain:
    """Take the list of all timers in force; a timer that a newer list leaves out is no more."""
    kept = dict(case.timers)
    for timer in data.timers:
        known = kept.get(timer.name, {})
        if known.get("listed", {}).get("version", 0) < data.version:
            kept[timer.name] = {**known, "listed": _stated(timer, data.version)}
    return {"timers": kept, "listed": max(case.listed, data.version)}


def _stated(timer: Timer, version: int) -> Plain:
    return {
        "state": None if timer.state is None else timer.state.value,
        "due": None if timer.due is None else timer.due.isoformat(),
        "calendar": timer.calendar,
        "used_s": timer.used_s,
        "allowance_s": timer.allowance_s,
        "version": version,
    }


def _told(case: Case, data: TimerDecision, state: str) -> Plain:
    """Take what is said of one timer, unless something newer was said of it."""
    known = case.timers.get(data.timer, {})
    if known.get("told", {}).get("version", 0) > data.version:
        return {}
    due = None if data.due is None else data.due.isoformat()
    entry = {"state": state, "due": due, "version": data.version}
    return {"timers": {**case.timers, data.timer: {**known, "told": entry}}}


def _breached(case: Case, data: TimerBreached) -> Plain:
    return {**_told(case, data, "breached"), "breached": case.breached + 1}


def _met(case: Case, data: TimerMet) -> Plain:
    return {**_told(case, data, "met"), "met": case.met + 1}


def _raised(case: Case, data: EscalationRaised) -> Plain:
    said = {
        "tier": data.tier,
        "raised_at": data.at.isoformat(),
        "ack_due": None if data.ack_due is None else data.ack_due.isoformat(),
        "triggers": list(data.because.triggers),
        "raised": data.version,
    }
    return {**_about(case, data, said), "raised": case.raised + 1}


def _noticed(case: Case, data: NoticeDue) -> Plain:
    return _about(case, data, {})


def _acknowledged(case: Case, data: AcknowledgementTaken) -> Plain:
    known = case.escalations.get(data.escalation_id, {})
    if known.get("acknowledged", 0) > data.version:
        return {}
    said = {
        "acknowledged": data.version,
        "acknowledged_by": data.by or data.role,
        "acknowledged_at": data.at.isoformat(),
        "acknowledged_after_s": data.after_s,
        "acknowledged_step": data.step,
    }
    return _about(case, data, said)


def _ended(case: Case, data: EscalationEnded) -> Plain:
    said = {"ended": data.version, "end": str(data.reason), "ended_at": data.at.isoformat()}
    return _about(case, data, said)


def _about(case: Case, data: EscalationDecision, said: Plain) -> Plain:
    """Put what is *said* of an escalation to what is known of it, and whom it calls."""
    known = case.escalations.get(data.escalation_id)
    if known is None:
        known = {"track": str(data.track), "target": data.target, "called": []}
    called = _called(known["called"], data.version, data.notify)
    entry = {**known, **said, "called": called}
    return {"escalations": {**case.escalations, data.escalation_id: entry}}


def _called(known: list[list[Any]], version: int, notify: Iterable[Notify]) -> list[list[Any]]:
    """Return `[version, role]` of everybody who was called to act, by the first call of each."""
    first = {role: before for before, role in known}
    for one in notify:
        if not one.fyi:
            first[one.role] = min(version, first.get(one.role, version))
    return sorted([before, role] for role, before in first.items())


def _opened(case: Case, data: CaseOpened) -> Plain:
    del case
    return {"recurrence_of": data.recurrence_of}


def _closed(case: Case, data: CaseClosed) -> Plain:
    return {} if data.status is None else _ends(case, data, str(data.status))


def _reopened(case: Case, data: CaseReopened) -> Plain:
    return {**_ends(case, data, REOPENED), "reopens": case.reopens + 1}


def _group_opened(case: Case, data: GroupOpened) -> Plain:
    return _ends(case, data, "open")


def _group_closed(case: Case, data: GroupClosed) -> Plain:
    return _ends(case, data, "closed")


def _ends(case: Case, data: Decision, status: str) -> Plain:
    ends = sorted((*case.ends, End(data.version, _second(data), status)))
    return {"ends": tuple(ends[-REMEMBERED:])}


def _refused(case: Case, data: ActRefused) -> Plain:
    refused = sorted((*case.refused, Refusal(data.version, data.act_id)))
    return {"refused": tuple(refused[-REMEMBERED:])}


def _grouped(case: Case, data: GroupJoined | GroupLeft) -> Plain:
    if case.group[0] > data.version:
        return {}
    return {"group": (data.version, data.group_id if isinstance(data, GroupJoined) else None)}


def _second(data: Decision) -> int:
    return int(data.at.timestamp())


_CHANGES: Final[Mapping[type, Callable[[Case, Any], Plain]]] = {
    EscalationRaised: _raised,
    NoticeDue: _noticed,
    AcknowledgementTaken: _acknowledged,
    EscalationEnded: _ended,
    TimerBreached: _breached,
    TimerMet: _met,
    CaseOpened: _opened,
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
    version, group = plain["group"]
    frozen = {
        "ends": tuple(End(*one) for one in plain["ends"]),
        "refused": tuple(Refusal(*one) for one in plain["refused"]),
        "group": (version, group),
    }
    return Case(**cast("dict[str, Any]", {**plain, **frozen}))
