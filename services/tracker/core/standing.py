"""How a ticket stands: what follows from its facts and its case together.

The tracker knows no policy, and between two decisions nobody tells it what a clock does. So it says
only what is certain: while the customer is waited for, clocks that stand still have no due time; after
such a pause a deadline is the one last stated, which is then the earliest that it can be (`exact`
is false). A hold whose date has passed shows as a hold until something happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.tracker.core.case import REOPENED, Case, Plain
from services.tracker.core.facts import UNMERGED, Facts
from services.tracker.core.message import Order

ENDED: Final = frozenset({"resolved", "closed", "merged", "cancelled"})
"""Statuses in which nothing is asked of anybody."""

PAUSING: Final = frozenset({"waiting_customer", "scheduled_hold"})
"""Statuses in which the customer's clocks stand still; the customer's next message ends them."""

PROMISES: Final = ("first_response", "next_response", "customer_update", "resolve")
"""The customer's timers. Every other timer is internal."""

_STILL: Final = frozenset({"customer_update", "resolve"})
_OVER: Final = frozenset({"met", "stopped"})


@dataclass(frozen=True, slots=True)
class Clock:
    """One timer as far as it is known.

    Attributes:
        name: `first_response`, `next_response`, `customer_update`, `resolve` or `tier_dwell`.
        state: `running`, `paused`, `met`, `breached` (also while it runs on) or `stopped`.
        due: When its allowance is used up; None while it stands still.
        exact: Whether `due` is known; otherwise it is not before `due`.
        calendar: The calendar it counts by, where stated.
        used_s: Calendar seconds used when last stated.
        allowance_s: Calendar seconds allowed, where stated.
    """

    name: str
    state: str
    due: datetime | None
    exact: bool
    calendar: str | None
    used_s: int | None
    allowance_s: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a ticket stands.

    Attributes:
        status: Where it is: the latest of what people said, unless refused, and was decided.
        owner: Who works on it.
        clocks: Its timers, promises first.
        next_timer: The promise to the customer that is due next, or has been due longest.
        next_due: When; None where no promise is known to run.
        exact: Whether `next_due` is known exactly.
        escalations: The open ones, oldest first, each with its id.
        flags: Overrides that hold, and `vip`.
    """

    status: str
    owner: str | None
    clocks: tuple[Clock, ...]
    next_timer: str | None
    next_due: datetime | None
    exact: bool
    escalations: tuple[Plain, ...]
    flags: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether somebody may still have to act."""
        return self.status not in ENDED


def standing(facts: Facts, case: Case) -> Standing:
    """Return how the ticket of *facts* and *case* stands."""
    status, paused_at = _status(facts, case)
    clocks = tuple(_clocks(facts, case, status, paused_at))
    owed = [clock for clock in clocks if _is_owed(clock, facts)]
    first = min(owed, key=lambda clock: (clock.due, clock.name), default=None)
    return Standing(
        status=status,
        owner=_owner(facts, case),
        clocks=clocks,
        next_timer=None if first is None else first.name,
        next_due=None if first is None else first.due,
        exact=first is None or first.exact,
        escalations=() if status in ENDED else tuple(open_escalations(case)),
        flags=_flags(facts),
    )


def open_escalations(case: Case) -> list[Plain]:
    """Return the escalations that were raised and have not ended, oldest first, with their ids."""
    found = [
        {"escalation_id": name, **said}
        for name, said in case.escalations.items()
        if "raised" in said and "ended" not in said
    ]
    return sorted(found, key=lambda said: int(said["raised"]))


def _status(facts: Facts, case: Case) -> tuple[str, int]:
    """Return the status, and the second of the latest pause (0 if there was none)."""
    refused = {act_id for _, act_id in case.refused}
    marks: list[tuple[Order, str]] = [
        (place, said) for place, event_id, said in facts.marks if event_id not in refused
    ]
    if facts.wrote is not None:
        marks.append((facts.wrote, _WROTE))
    # Of one second, what was decided comes after what it was decided on.
    marks += [((second, 2, version), f"!{said}") for version, second, said in case.ends]
    status, before_merge, paused_at = "new", "new", 0
    for place, said in sorted(marks):
        following = _after(status, said, before_merge)
        if following == "merged" and status != "merged":
            before_merge = status
        status = following
        if status in PAUSING or status == "merged":
            paused_at = place[0]
    return status, paused_at


_WROTE: Final = "customer wrote"


def _after(status: str, said: str, before_merge: str) -> str:
    """Return the status after one mark."""
    if said == _WROTE:
        return "open" if status in PAUSING else status
    if said == UNMERGED:
        return before_merge if status == "merged" else status
    if said == f"!{REOPENED}":
        return "open" if status in ENDED else status
    if said.startswith("!"):
        return said[1:]
    # A helpdesk closes what it has merged; that says nothing new.
    return status if status == "merged" else said


def _clocks(facts: Facts, case: Case, status: str, paused_at: int) -> list[Clock]:
    order = {name: place for place, name in enumerate(PROMISES)}
    clocks = []
    for name in sorted(case.timers, key=lambda name: (order.get(name, len(order)), name)):
        listed, told = case.timers[name].get("listed"), case.timers[name].get("told")
        newest = max(one["version"] for one in (listed, told) if one is not None)
        # A newer list of all timers that leaves this one out: it is no more.
        if newest >= case.listed:
            clocks.append(_clock(name, listed or {}, told or {}, status, paused_at))
    return clocks


def _clock(name: str, listed: Plain, told: Plain, status: str, paused_at: int) -> Clock:
    latest = told if told.get("version", 0) > listed.get("version", 0) else listed
    due = _moment(latest.get("due")) or _moment(listed.get("due"))
    state = latest.get("state") or ("paused" if latest.get("due") is None else "running")
    if state in {"running", "paused"} and status in ENDED:
        state, due = "stopped", None
    elif state == "paused" or (state == "running" and status in PAUSING and name in _STILL):
        state, due = "paused", None
    exact = name not in _STILL or paused_at <= latest.get("at", 0)
    used, allowance = listed.get("used_s"), listed.get("allowance_s")
    return Clock(name, state, due, exact, listed.get("calendar"), used, allowance)


def _is_owed(clock: Clock, facts: Facts) -> bool:
    """Whether the customer still waits for what the clock promises."""
    if clock.name not in PROMISES or clock.due is None or clock.state in _OVER:
        return False
    if clock.state != "breached" or clock.name == "resolve":
        return True
    # A broken promise of an answer is owed until somebody answers.
    if facts.replied is None:
        return True
    return clock.name != "first_response" and facts.replied[0] <= int(clock.due.timestamp())


def _owner(facts: Facts, case: Case) -> str | None:
    refused = {act_id for _, act_id in case.refused}
    said = facts.values.get("owner")
    named: list[tuple[Order, str | None]] = [] if said is None else [(said[1], said[0])]
    named += [(place, to) for place, event_id, to in facts.handed if event_id not in refused]
    return max(named, key=lambda one: one[0])[1] if named else None


def _flags(facts: Facts) -> tuple[str, ...]:
    flags = [
        name.removeprefix("flag.")
        for name, (holds, _) in facts.values.items()
        if name.startswith("flag.") and holds
    ]
    return (*sorted(flags), *(("vip",) if facts.value("customer.vip") else ()))


def _moment(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
