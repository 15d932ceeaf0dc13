"""What was heard and decided, as an explanation lists it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from services.escalator.core.inputs import Heard
from services.escalator.core.views import Decided
from shared.contract.events import EVENT_TYPES, StatusChanged, TicketMessage
from shared.contract.explanations import Entry, Told
from shared.contract.lengths import span
from shared.contract.sentences import clock, moment, sentence, why
from shared.contract.times import as_datetime, instant, parse_instant

_SIGNALS: Final = {
    "merge": "Another ticket asks to be merged into this one",
    "merged": "The other ticket has taken this one in",
    "merge_refused": "The other ticket does not take this one in",
    "recurs": "The customer wrote again after the time for reopening",
    "join": "The group takes this ticket in",
    "joined": "A ticket joins the group",
    "left": "A ticket leaves the group",
    "worse": "A ticket of the group got worse",
    "done": "A ticket of the group has ended",
    "again": "A ticket of the group is open again",
    "propose": "Several tickets are alike",
    "create": "So many tickets are alike that they become a group",
    "reply": "The group's answer reaches all its members",
    "priority": "The group's priority is now that of its members",
    "over": "The group is over",
}


_ANSWERED: Final = ("first_response", "next_response", "customer_update")


def entries(happened: Sequence[Heard | Decided], most: int) -> Iterator[Entry]:
    """Yield the last *most* of what has *happened*; what came too late for a promise says so."""
    broken: dict[str, str] = {}
    first = len(happened) - most
    for n, one in enumerate(happened):
        late: list[str] = []
        if isinstance(one, Decided):
            if one.type == "timer.breached":
                broken[one.data["timer"]] = one.data["due"]
        else:
            late = [
                _late(name, due, one)
                for name in _kept(one)
                if (due := broken.pop(name, None)) is not None
            ]
        if n >= first:
            made = entry(one)
            yield made.model_copy(update={"why": tuple(late)}) if late else made


def _late(timer: str, due: str, heard: Heard) -> str:
    by = span(heard.effective - parse_instant(due))
    return f"The {clock(timer)} was due {moment(due)}: {by} late."


def _kept(heard: Heard) -> tuple[str, ...]:
    """Return the promises that *heard* would have kept in time."""
    data = None if heard.event is None else heard.event.data
    if isinstance(data, TicketMessage):
        replies = data.public and data.author == "agent" and not data.auto_submitted
        return _ANSWERED if replies else ()
    return ("resolve",) if isinstance(data, StatusChanged) and data.status == "resolved" else ()


def entry(one: Heard | Decided) -> Entry:
    """Return *one* as an entry."""
    return _of_decision(one) if isinstance(one, Decided) else _of_input(one)


def told(decided: Decided) -> tuple[Told, ...]:
    """Return whom *decided* tells, and when the notice may go out."""
    held = decided.data.get("hold_until")
    at = decided.at if held is None else parse_instant(held)
    return tuple(
        Told(role=one["role"], mode=one["mode"], fyi=one["fyi"], at=as_datetime(at))
        for one in decided.data.get("notify") or ()
    )


def _of_decision(one: Decided) -> Entry:
    because = one.data["because"]
    return Entry(
        at=as_datetime(one.at),
        kind="decision",
        type=one.type,
        text=sentence(one.type, one.data),
        why=tuple(why(one.data)),
        triggers=tuple(because["triggers"]),
        rule=because["rule"],
        facts=because["facts"],
        arithmetic=tuple(because["arithmetic"]),
        told=told(one),
        by=one.data.get("by"),
        role=one.data.get("role"),
        escalation_id=one.data.get("escalation_id"),
        event_id=one.data.get("act_id"),
        received_at=None,
    )


def _of_input(heard: Heard) -> Entry:
    signal = heard.signal
    event = heard.event if signal is None else signal.event
    late = heard.received > heard.effective
    if event is None:
        kind = "signal" if signal is None else signal.kind
        text = f"{_SIGNALS.get(kind, kind.replace('_', ' '))}."
        by, role, event_id = None if signal is None else signal.sender, None, None
    else:
        kind = EVENT_TYPES[type(event.data)]
        data: dict[str, Any] = event.data.model_dump(mode="json", exclude_unset=True)
        text = sentence(kind, data)
        by, role, event_id = data.get("by"), data.get("role"), event.id
        late = late or instant(event.time) < heard.effective
    return Entry(
        at=as_datetime(heard.effective),
        kind="event" if signal is None else "signal",
        type=kind,
        text=text,
        why=(),
        triggers=(),
        rule=None,
        facts={},
        arithmetic=(),
        told=(),
        by=by,
        role=role,
        escalation_id=None,
        event_id=event_id,
        received_at=as_datetime(heard.received) if late else None,
    )
