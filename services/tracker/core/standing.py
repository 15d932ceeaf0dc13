"""How a ticket stands: what follows from its facts and its case together.

The tracker knows no policy: a clock stands as the decisions have stated it last, and they state it
whenever it has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from services.tracker.core.case import REOPENED, Case, Plain
from services.tracker.core.facts import FLAG, UNMERGED, Facts
from services.tracker.core.message import Order

ENDED: Final = frozenset({"resolved", "closed", "merged", "cancelled"})
"""Statuses in which nothing is asked of anybody."""

PAUSING: Final = frozenset({"waiting_customer", "scheduled_hold"})
"""Statuses that the customer's next message ends."""

PROMISES: Final = ("first_response", "next_response", "customer_update", "resolve")
"""The customer's timers. Every other timer is internal."""

DWELL: Final = "tier_dwell"
"""The stay in a tier, after which the case moves up."""

ANSWER: Final = "answer"
"""Beside the timers: the answer that an escalation waits for."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One timer, as stated last.

    Attributes:
        name: `first_response`, `next_response`, `customer_update`, `resolve` or `tier_dwell`.
        state: `running`, `paused`, `met`, `breached` (also while it runs on) or `stopped`.
        due: When its allowance is used up; None while it stands still.
        calendar: The calendar it counts by, where stated.
        used_s: Calendar seconds used when last stated.
        allowance_s: Calendar seconds allowed, where stated.
    """

    name: str
    state: str
    due: datetime | None
    calendar: str | None
    used_s: int | None
    allowance_s: int | None


@dataclass(frozen=True, slots=True)
class Due:
    """Something that is due.

    Attributes:
        what: The timer's name, or `ANSWER`.
        target: With `ANSWER`: whose.
        at: When.
    """

    what: str
    at: datetime
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a ticket stands.

    Attributes:
        status: Where it is: the latest of what people said, unless refused, and was decided.
        owner: Who works on it.
        clocks: Its timers, promises first.
        breach: The promise to the customer that is due next, or has been due longest; None where
            no promise is known to run.
        upcoming: What has not been broken yet, the earliest first: promises, the end of the stay
            in the tier, answers of people who were called.
        escalations: The open ones, oldest first, each with its id.
        flags: Overrides that hold, and `vip`.
        customer_waits_since: The customer's last message, where no public reply came after it.
        teams: Whose turn it is: the tier's team (`t2`), and those whom open escalations were raised
            to (`engineering`); nobody's once it has ended.
    """

    status: str
    owner: str | None
    clocks: tuple[Clock, ...]
    breach: Due | None
    upcoming: tuple[Due, ...]
    escalations: tuple[Plain, ...]
    flags: tuple[str, ...]
    customer_waits_since: datetime | None
    teams: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether somebody may still have to act."""
        return self.status not in ENDED


def standing(facts: Facts, case: Case) -> Standing:
    """Return how the ticket of *facts* and *case* stands."""
    refused = {one.act_id for one in case.refused}
    status = _status(facts, case, refused)
    clocks = tuple(_clocks(case))
    escalations = () if status in ENDED else tuple(open_escalations(case))
    owed = [] if status in ENDED else [_due(clock) for clock in clocks if _is_owed(clock, facts)]
    return Standing(
        status=status,
        owner=_owner(facts, refused),
        clocks=clocks,
        breach=min(owed, key=_order, default=None),
        upcoming=tuple(sorted([*_running(clocks), *_answers(escalations)], key=_order)),
        escalations=escalations,
        flags=_flags(facts),
        customer_waits_since=None if status in ENDED else _waits_since(facts),
        teams=() if status in ENDED else tuple(sorted(_teams(case, escalations))),
    )


def _teams(case: Case, escalations: tuple[Plain, ...]) -> set[str]:
    tier = case.state.get("tier")
    # A blank would make two names of one.
    targets = {str(one["target"]).replace(" ", "_") for one in escalations}
    return targets | ({f"t{tier}"} if tier else set())


def open_escalations(case: Case) -> list[Plain]:
    """Return the escalations that were raised and have not ended, oldest first, with their ids."""
    found = [
        {"escalation_id": name, **said}
        for name, said in case.escalations.items()
        if "raised" in said and "ended" not in said
    ]
    return sorted(found, key=lambda said: int(said["raised"]))


def resolved_after_s(facts: Facts, case: Case) -> int | None:
    """Return the wall seconds from the opening to the resolution that holds.

    A reopening undoes the resolution before it; whatever resolves the ticket then counts instead,
    from the same opening. None while it is open, or was never opened as far as is known.
    """
    if facts.opened is None or not case.ends:
        return None
    last = case.ends[-1]
    if last.status == "closed" and len(case.ends) > 1 and case.ends[-2].status == "resolved":
        # A helpdesk closes what was resolved some days before.
        last = case.ends[-2]
    return last.second - facts.opened[0] if last.status in {"resolved", "closed"} else None


def _status(facts: Facts, case: Case, refused: set[str]) -> str:
    marks: list[tuple[Order, str, str]] = [
        (place, "said", status)
        for place, event_id, status in facts.marks
        if event_id not in refused
    ]
    if facts.wrote is not None:
        marks.append((facts.wrote, "wrote", ""))
    # Of one second, what was decided comes after what it was decided on.
    marks += [((one.second, 2, one.version), "decided", one.status) for one in case.ends]
    status, before_merge = "new", "new"
    for _, how, said in sorted(marks):
        following = _after(status, how, said, before_merge)
        if following == "merged" and status != "merged":
            before_merge = status
        status = following
    return status


def _after(status: str, how: str, said: str, before_merge: str) -> str:
    """Return the status after one mark."""
    if how == "wrote":
        return "open" if status in PAUSING else status
    if how == "decided":
        ongoing = "open" if status in ENDED else status
        return ongoing if said == REOPENED else said
    if status == "merged":
        # A helpdesk closes what it has merged; that says nothing new.
        return before_merge if said == UNMERGED else status
    return status if said == UNMERGED else said


def _clocks(case: Case) -> Iterator[Clock]:
    order = {name: place for place, name in enumerate(PROMISES)}
    for name in sorted(case.timers, key=lambda name: (order.get(name, len(order)), name)):
        listed, told = case.timers[name].get("listed", {}), case.timers[name].get("told", {})
        latest = max(listed, told, key=lambda one: one.get("version", 0))
        # A newer list of all timers that leaves this one out: it is no more.
        if latest["version"] >= case.listed:
            yield Clock(
                name=name,
                state=latest["state"],
                due=_moment(latest["due"]),
                calendar=listed.get("calendar"),
                used_s=listed.get("used_s"),
                allowance_s=listed.get("allowance_s"),
            )


def _is_owed(clock: Clock, facts: Facts) -> bool:
    """Whether the customer still waits for what the clock promises."""
    if clock.name not in PROMISES or clock.due is None or clock.state in {"met", "stopped"}:
        return False
    if clock.state != "breached" or clock.name == "resolve":
        return True
    # A broken promise of an answer is owed until somebody answers.
    if facts.replied is None:
        return True
    return clock.name != "first_response" and facts.replied[0] <= int(clock.due.timestamp())


def _running(clocks: tuple[Clock, ...]) -> Iterator[Due]:
    for clock in clocks:
        if clock.state == "running" and clock.due is not None:
            yield _due(clock)


def _answers(escalations: tuple[Plain, ...]) -> Iterator[Due]:
    for one in escalations:
        due = _moment(one["ack_due"])
        if due is not None and "acknowledged" not in one:
            yield Due(ANSWER, due, target=one["target"])


def _due(clock: Clock) -> Due:
    assert clock.due is not None  # noqa: S101  asked only of clocks that are due some time
    return Due(clock.name, clock.due)


def _order(due: Due) -> tuple[datetime, str, str]:
    return (due.at, due.what, due.target or "")


def _owner(facts: Facts, refused: set[str]) -> str | None:
    said = facts.values.get("owner")
    named: list[tuple[Order, str | None]] = [] if said is None else [(said[1], said[0])]
    named += [(place, to) for place, event_id, to in facts.handed if event_id not in refused]
    return max(named, key=lambda one: one[0])[1] if named else None


def _flags(facts: Facts) -> tuple[str, ...]:
    flags = [
        name.removeprefix(FLAG)
        for name, (holds, _) in facts.values.items()
        if name.startswith(FLAG) and holds
    ]
    return (*sorted(flags), *(("vip",) if facts.value("customer.vip") else ()))


def _waits_since(facts: Facts) -> datetime | None:
    if facts.wrote is None or (facts.replied is not None and facts.replied > facts.wrote):
        return None
    return datetime.fromtimestamp(facts.wrote[0], UTC)


def _moment(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
