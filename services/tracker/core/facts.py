"""What helpdesks and people say of a ticket: every fact with the place of the event that said it.

A fact is replaced only by one from a later place in the ticket's history, so events may be taken in
any order. What only the escalator knows (whether an act was refused, how a case stands) is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from services.tracker.core.message import Message, Order
from shared.contract.events import (
    Author,
    CaseFlagged,
    CaseUnflagged,
    Customer,
    EscalationHandedOver,
    StatusChanged,
    TicketMerged,
    TicketMessage,
    TicketObserved,
    TicketOpened,
    TicketUnmerged,
    TicketUpdated,
)

KEPT: Final = (
    "title",
    "url",
    "requester",
    "service",
    "component",
    "symptom",
    "category",
    "owner",
    "severity",
)
"""Facts of a ticket that are kept as they are said; `customer.*` and `flag.*` come beside them."""

LONGEST: Final = 500
"""Characters of a fact that a row keeps; the timeline has the whole."""

MARKS: Final = 24
"""How many of the latest changes of status a row remembers; older ones are in the timeline."""

FLAG: Final = "flag."
"""What the name of a flag's value begins with."""

FLAGS: Final = 32
"""How many flags a row remembers, those spoken of last; a policy names a dozen."""

UNMERGED: Final = "unmerged"
"""A mark that undoes the merge before it."""

Mark = tuple[Order, str, str]
"""A change of status: its place, the event's id, the status (or `unmerged`)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What events say of one ticket.

    Attributes:
        values: By name, the value and the place of the event that said it.
        opened: The place of the opening; None before it is known.
        marks: The latest changes of status, in order.
        handed: The latest hand-overs: place, event's id, new owner.
        wrote: The place of the customer's latest message.
        replied: The place of the latest public message of an agent.
        updated: The second of the latest event.
    """

    values: dict[str, tuple[Any, Order]] = field(default_factory=dict)
    opened: Order | None = None
    marks: tuple[Mark, ...] = ()
    handed: tuple[Mark, ...] = ()
    wrote: Order | None = None
    replied: Order | None = None
    updated: int = 0

    def value(self, name: str) -> Any:
        """Return the fact *name*; None where nobody has said it."""
        said = self.values.get(name)
        return None if said is None else said[0]


def learn(facts: Facts, message: Message) -> Facts:
    """Return *facts* with what the event *message* says; it must not have been learnt before."""
    place = message.order
    learnt = _LEARN.get(type(message.data))
    if learnt is not None:
        facts = learnt(facts, message, place)
    return facts if facts.updated >= place[0] else replace(facts, updated=place[0])


def _opened(facts: Facts, message: Message, place: Order) -> Facts:
    facts = _said(facts, message, place)
    first = place if facts.opened is None else min(place, facts.opened)
    return replace(facts, opened=first)


def _observed(facts: Facts, message: Message, place: Order) -> Facts:
    data = message.data
    assert isinstance(data, TicketObserved)  # noqa: S101  chosen by this class
    facts = _said(facts, message, place)
    return facts if data.status is None else _marked(facts, place, message.id, str(data.status))


def _said(facts: Facts, message: Message, place: Order) -> Facts:
    """Take the keys that were sent; in `customer` each on its own."""
    data: Any = message.data
    given = data.model_fields_set
    said = {name: _bounded(name, getattr(data, name)) for name in KEPT if name in given}
    customer = data.customer if "customer" in given else None
    if customer is not None:
        # In the model's order: a row is then stored alike whoever makes it.
        known = [name for name in Customer.model_fields if name in customer.model_fields_set]
        said |= {f"customer.{name}": _bounded(name, getattr(customer, name)) for name in known}
    for flag in data.flags or ():
        said[f"{FLAG}{flag}"] = True
    return _kept(facts, said, place)


def _bounded(name: str, value: Any) -> Any:
    """Return *value* short enough for a row that is written with every event."""
    if not isinstance(value, str) or len(value) <= LONGEST:
        return value
    # Half an address leads elsewhere.
    return None if name == "url" else f"{value[: LONGEST - 1]}…"


def _kept(facts: Facts, said: Mapping[str, Any], place: Order) -> Facts:
    values = facts.values
    newer = {
        name: (value, place)
        for name, value in said.items()
        if name not in values or values[name][1] < place
    }
    if not newer:
        return facts
    values = {**values, **newer}
    flags = [name for name in values if name.startswith(FLAG)]
    if len(flags) > FLAGS:
        latest = sorted(flags, key=lambda name: (values[name][1], name))
        for name in latest[:-FLAGS]:
            del values[name]
    return replace(facts, values=values)


def _flagged(facts: Facts, message: Message, place: Order) -> Facts:
    data: Any = message.data
    return _kept(facts, {f"{FLAG}{data.flag}": isinstance(data, CaseFlagged)}, place)


def _handed(facts: Facts, message: Message, place: Order) -> Facts:
    data: Any = message.data
    if data.to is None:
        return facts
    return replace(facts, handed=_newest((*facts.handed, (place, message.id, data.to))))


def _status(facts: Facts, message: Message, place: Order) -> Facts:
    data: Any = message.data
    return _marked(facts, place, message.id, str(data.status))


def _merged(facts: Facts, message: Message, place: Order) -> Facts:
    data: Any = message.data
    facts = _kept(facts, {"merged_into": data.into}, place)
    return _marked(facts, place, message.id, "merged")


def _unmerged(facts: Facts, message: Message, place: Order) -> Facts:
    return _marked(_kept(facts, {"merged_into": None}, place), place, message.id, UNMERGED)


def _marked(facts: Facts, place: Order, event_id: str, status: str) -> Facts:
    return replace(facts, marks=_newest((*facts.marks, (place, event_id, status))))


def _newest(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    return tuple(sorted(marks)[-MARKS:])


def _message(facts: Facts, message: Message, place: Order) -> Facts:
    data: Any = message.data
    if data.auto_submitted:
        return facts
    if data.author == Author.CUSTOMER:
        return facts if (facts.wrote or place) > place else replace(facts, wrote=place)
    if data.author == Author.AGENT and data.public:
        return facts if (facts.replied or place) > place else replace(facts, replied=place)
    return facts


_LEARN: Final[Mapping[type, Callable[[Facts, Message, Order], Facts]]] = {
    TicketOpened: _opened,
    TicketUpdated: _said,
    TicketObserved: _observed,
    TicketMessage: _message,
    StatusChanged: _status,
    TicketMerged: _merged,
    TicketUnmerged: _unmerged,
    CaseFlagged: _flagged,
    CaseUnflagged: _flagged,
    EscalationHandedOver: _handed,
}
"""Events that change a fact; all others are known by the timeline and by what is decided on them."""


def facts_from(plain: Mapping[str, Any]) -> Facts:
    """Return the facts that were stored as JSON."""
    return Facts(
        values={name: (value, _order(place)) for name, (value, place) in plain["values"].items()},
        opened=_place(plain["opened"]),
        marks=tuple(
            (_order(place), event_id, status) for place, event_id, status in plain["marks"]
        ),
        handed=tuple((_order(place), event_id, to) for place, event_id, to in plain["handed"]),
        wrote=_place(plain["wrote"]),
        replied=_place(plain["replied"]),
        updated=plain["updated"],
    )


def _place(plain: list[int] | None) -> Order | None:
    return None if plain is None else _order(plain)


def _order(plain: list[int]) -> Order:
    second, rank, offset = plain
    return (second, rank, offset)
