"""What the notifier knows of a ticket: how far it has heard, and which calls still stand.

A fold of the ticket's decisions. It answers two questions: is this decision the next one, and
does a notice that was planned earlier still want sending?
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from services.notifier.core.roster import TicketFacts

OPEN = "open"
RAISED = "escalation.raised"
NOTICE_DUE = "escalation.notice_due"
ACKNOWLEDGED = "escalation.acknowledged"
ENDED = "escalation.ended"
REFUSED = "act.refused"
ALERT = "config.alert"
CLOSED = ("case.closed", "group.closed")
OPENED = ("case.opened", "case.reopened", "group.opened")


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision off the topic, as the notifier reads it.

    *traceparent* is the trace (W3C) that it belongs to, None where nobody traces.
    """

    id: UUID
    type: str
    ticket: str
    version: int
    at: datetime
    data: Mapping[str, Any]
    traceparent: str | None = None

    @property
    def escalation(self) -> str | None:
        """The escalation it speaks of, if any."""
        found = self.data.get("escalation_id")
        return None if found is None else str(found)

    @property
    def restricted(self) -> bool:
        """Whether open rooms may see no more of the ticket than its number."""
        return bool(self.data.get("restricted"))

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts that the decision gives as its reasons."""
        because = self.data.get("because") or {}
        return because.get("facts") or {}


@dataclass(frozen=True, slots=True)
class Called:
    """An escalation, by the versions at which something became of it.

    *ack_due* and *taken_at* are instants in RFC 3339, *by* is who acknowledged it.
    """

    raised: int
    acknowledged: int | None = None
    ended: int | None = None
    reason: str | None = None
    target: str | None = None
    track: str | None = None
    ack_due: str | None = None
    by: str | None = None
    taken_at: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A ticket as far as it has been heard.

    *tier* and *priority* are None before the first decision; *restricted* means that open rooms
    may see its number alone.
    """

    ticket: str
    version: int = 0
    last_id: UUID | None = None
    status: str = OPEN
    status_version: int = 0
    tier: int | None = None
    priority: str | None = None
    restricted: bool = False
    facts: TicketFacts = field(default_factory=TicketFacts)
    calls: Mapping[str, Called] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def has_room(self) -> bool:
        """Whether it is a case that gets a room of its own: P1 or tier 3 (Channels, case_room)."""
        return self.status == OPEN and (self.priority == "P1" or self.tier == 3)  # noqa: PLR2004


class Place(StrEnum):
    """Where a decision stands to what was heard before."""

    NEXT = "next"
    OLD = "old"
    CONFLICT = "conflict"
    GAP = "gap"


def place(known: Known, decision: Decided) -> Place:
    """Return where *decision* stands: versions of a ticket rise by exactly one.

    A conflict is the newest version again under another id: two engines have decided
    differently, which no consumer can put right.
    """
    if decision.version == known.version + 1:
        return Place.NEXT
    if decision.version > known.version:
        return Place.GAP
    if decision.version == known.version and known.last_id not in (None, decision.id):
        return Place.CONFLICT
    return Place.OLD


def learn(known: Known, decision: Decided) -> Known:
    """Return *known* after *decision*, which must be the next one (or follow a mended gap)."""
    told = replace(
        known,
        version=decision.version,
        last_id=decision.id,
        tier=decision.data.get("tier", known.tier),
        priority=decision.data.get("priority", known.priority),
        restricted=decision.restricted,
        facts=_facts(decision),
        calls=_calls(known.calls, decision),
    )
    if decision.type in CLOSED:
        status = str(decision.data.get("status") or "closed")
        return replace(told, status=status, status_version=decision.version)
    if decision.type in OPENED:
        return replace(told, status=OPEN, status_version=decision.version)
    return told


def catch_up(known: Known, snapshot: Mapping[str, Any], *, version: int) -> Known:
    """Return *known* as the engine's own *snapshot* has it, heard up to *version*.

    For a gap that the topic cannot fill: calls that the snapshot no longer lists have ended.
    """
    listed = {str(one["escalation_id"]): one for one in snapshot.get("escalations") or ()}
    calls: dict[str, Called] = {}
    for key, call in known.calls.items():
        gone = call.ended is None and key not in listed
        calls[key] = replace(call, ended=version, reason="withdrawn") if gone else call
    for key, one in listed.items():
        call = calls.get(
            key, Called(raised=version, target=one.get("target"), track=one.get("track"))
        )
        taker = one.get("acknowledged_by")
        if taker is not None and call.acknowledged is None:
            call = replace(call, acknowledged=version, by=str(taker))
        calls[key] = call
    status = str(snapshot.get("status") or OPEN)
    over = status in ("resolved", "closed", "merged", "cancelled")
    return replace(
        known,
        version=version,
        last_id=None,
        tier=snapshot.get("tier", known.tier),
        priority=snapshot.get("priority", known.priority),
        restricted="restricted" in (snapshot.get("flags") or ()),
        status=status if over else OPEN,
        status_version=version,
        calls=calls,
    )


def _facts(decision: Decided) -> TicketFacts:
    """Return what *decision* says of the ticket, which is all that is known of it by then."""
    about = decision.data.get("about") or {}
    told = {name: about.get(name) for name in ("title", "url", "owner", "customer")}
    return TicketFacts(**told, restricted=decision.restricted)


def _calls(calls: Mapping[str, Called], decision: Decided) -> Mapping[str, Called]:
    key = decision.escalation
    if key is None:
        return calls
    call = calls.get(key, _raised(decision))
    if decision.type == RAISED:
        # One that comes back after a late event or an undone merge stands anew.
        call = _raised(decision)
    elif decision.type == ACKNOWLEDGED:
        call = replace(
            call,
            acknowledged=decision.version,
            by=_text(decision.data.get("by")),
            taken_at=decision.at.isoformat(),
        )
    elif decision.type == ENDED:
        call = replace(call, ended=decision.version, reason=str(decision.data["reason"]))
    elif key not in calls:
        return calls
    return {**calls, key: call}


def _raised(decision: Decided) -> Called:
    return Called(
        raised=decision.version,
        target=_text(decision.data.get("target")),
        track=_text(decision.data.get("track")),
        ack_due=_text(decision.data.get("ack_due")),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
