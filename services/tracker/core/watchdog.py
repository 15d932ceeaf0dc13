"""What should have happened by now and has not: derived from the messages alone, by no rule of theirs.

This is a second opinion, so it shares no code with what it watches: neither the escalator's engine
nor the projection of a case. It knows no policy either. It takes what a decision has stated (a clock
is due then, these roles are told) and asks whether that was followed up. What comes after such a
statement may move a clock, and then the clocks are stated anew; so an event is given time to be
answered before a clock stated earlier is called dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple


class Kind(StrEnum):
    """What is wrong."""

    DROPPED_TIMER = "dropped_timer"
    """A clock was due, and neither kept nor broken."""
    UNDECIDED = "undecided"
    """A ticket was opened, and nothing was decided on it: the escalator does not read, or is away."""
    UNTOLD = "untold"
    """A decision has somebody told, and no notice of it is known: the ledger has a gap."""
    STUCK = "stuck"
    """A topic is not read to its end, so nothing can be said of tickets."""


class Alarm(NamedTuple):
    """One thing that should have happened.

    Attributes:
        kind: What is wrong.
        ticket: The ticket's key.
        what: The clock, or the decision's type and version.
        since: From when it should have been.
    """

    kind: Kind
    ticket: str
    what: str
    since: datetime


class Said(NamedTuple):
    """One message, as far as the watchdog reads it.

    Attributes:
        topic: `event`, `decision` or `delivery`.
        type: Its type.
        id: Its id.
        at: When it counts, aware.
        known_at: When it became known, aware.
        data: Its data.
    """

    topic: str
    type: str
    id: str
    at: datetime
    known_at: datetime
    data: Mapping[str, Any]


class _Clock(NamedTuple):
    due: datetime
    stated_at: datetime


class _Event(NamedTuple):
    at: datetime
    known_at: datetime


@dataclass(slots=True)
class Watched:
    """What is waited for on one ticket; filled by `hear`.

    Attributes:
        ticket: Its key.
        opened: When its opening became known, while nothing was decided.
        decided: Whether anything was.
        version: The highest version heard.
        closed: The version of its last closing.
        clocks: By name, when each is due as last stated.
        listed: The version of the newest list of clocks.
        disturbed: The latest event: it may have moved clocks that were stated before.
        untold: By decision id, its type and version, and when it became known.
        told: Decision ids of which a notice is known before they are.
    """

    ticket: str
    opened: datetime | None = None
    decided: bool = False
    version: int = 0
    closed: int = 0
    clocks: dict[str, _Clock] = field(default_factory=dict)
    listed: int = 0
    disturbed: _Event | None = None
    untold: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is waited for, so that it may be forgotten."""
        return not self.clocks and not self.untold and (self.decided or self.opened is None)


_SETTLING: Final = frozenset({"timer.breached", "timer.met"})
_DWELL: Final = "tier_dwell"


def hear(watched: Watched, said: Said) -> None:
    """Take *said* into *watched*; messages of one topic come in order, the topics in any."""
    if said.topic == "event":
        _event(watched, said)
    elif said.topic == "decision":
        _decision(watched, said)
    else:
        _delivery(watched, said)


def _event(watched: Watched, said: Said) -> None:
    if said.type == "ticket.opened" and not watched.decided:
        watched.opened = said.known_at
    if watched.disturbed is None or said.at > watched.disturbed.at:
        watched.disturbed = _Event(said.at, said.known_at)


def _decision(watched: Watched, said: Said) -> None:
    watched.decided, watched.opened = True, None
    version = int(said.data["version"])
    watched.version = max(watched.version, version)
    _clocks(watched, said, version)
    if said.data.get("notify"):
        if said.id in watched.told:
            watched.told.discard(said.id)
        else:
            watched.untold[said.id] = (f"{said.type} {version}", said.known_at)


def _clocks(watched: Watched, said: Said, version: int) -> None:
    data = said.data
    if said.type == "case.closed":
        watched.closed, watched.clocks = version, {}
    # The stay that was due ends with the move; the next one is stated with it.
    if said.type == "tier.changed":
        watched.clocks.pop(_DWELL, None)
    timers = data.get("timers")
    if timers and version > watched.listed and said.type != "case.closed":
        watched.listed = version
        watched.clocks = {
            str(one["name"]): _Clock(_moment(one["due"]), said.at)
            for one in timers
            if one.get("due") is not None and one.get("state", "running") == "running"
        }
    if said.type in _SETTLING:
        watched.clocks.pop(str(data.get("timer")), None)
    elif said.type == "timer.warned" and data.get("timer") in watched.clocks and data.get("due"):
        name = str(data["timer"])
        watched.clocks[name] = _Clock(_moment(data["due"]), said.at)


def _delivery(watched: Watched, said: Said) -> None:
    decision = str(said.data.get("decision_id"))
    known = watched.untold.pop(decision, None) is not None
    if not known and int(said.data.get("decision_version", 0)) > watched.version:
        watched.told.add(decision)


def alarms(watched: Watched, now: datetime, grace_s: float) -> Iterator[Alarm]:
    """Yield what should have happened to *watched* more than *grace_s* before *now*.

    Args:
        watched: One ticket.
        now: The installation's clock.
        grace_s: Virtual seconds in which everybody may still be at it.
    """
    if watched.opened is not None and _past(watched.opened, now, grace_s):
        yield Alarm(Kind.UNDECIDED, watched.ticket, "ticket.opened", watched.opened)
    event = watched.disturbed
    answered = event is None or _past(event.known_at, now, grace_s)
    for name, clock in watched.clocks.items():
        certain = answered or (event is not None and event.at <= clock.stated_at)
        if certain and _past(clock.due, now, grace_s):
            yield Alarm(Kind.DROPPED_TIMER, watched.ticket, name, clock.due)
    for what, since in watched.untold.values():
        if _past(since, now, grace_s):
            yield Alarm(Kind.UNTOLD, watched.ticket, what, since)


def _past(then: datetime, now: datetime, grace_s: float) -> bool:
    return (now - then).total_seconds() > grace_s


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
