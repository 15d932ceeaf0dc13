"""What a case hears: events, and signals from other cases, each with its place in the order.

A case is a fold of what it has heard. What one case causes in another is a signal; it is kept in
the other's history beside the events, so that either can be folded again without the other. A
signal heard again under the same id replaces the first, and one that is `gone` takes it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from services.escalator.core.case import HUMAN_ACT, SOURCE_EVENT, Order
from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import Instant, Seconds, instant
from shared.policy.document import Policy


@dataclass(frozen=True, slots=True)
class Signal:
    """What a case causes in another.

    `order` is the place of its cause, one step further; `data` is plain JSON; `event` is the event
    of the sender's ticket that the target has to deal with, where it is one.
    """

    kind: str
    sender: str
    target: str
    order: Order
    data: dict[str, Any]
    event: TicketEvent | None = None
    gone: bool = False

    @property
    def id(self) -> str:
        """What makes two foldings of the sender speak of the same signal."""
        place = ".".join(map(str, self.order))
        return f"{self.kind}|{self.sender}|{self.target}|{place}"


class Heard(NamedTuple):
    """One event of one ticket, or one signal to it.

    `effective` is when it counts, `received` when it reached us (never before `effective`), and
    `seq` its place in the order of receipt of its ticket. `order` is its place in the case's
    history (`tie_order`: source events, acts of people, timers). `seen_tier` is the tier of the
    case that whoever acted had before them, where the act says so (`as_of`), and `ahead` how far
    in the future the event claimed to be when it was received.
    """

    event: TicketEvent | None
    effective: Instant
    received: Instant
    seq: int
    order: Order
    signal: Signal | None = None
    seen_tier: int | None = None
    ahead: Seconds = Seconds(0)

    def counted_at(self, at: Instant) -> Heard:
        """Return it as if it counted at *at*."""
        _, rank, seq, depth = self.order
        return self._replace(effective=at, order=(at, rank, seq, depth))

    @property
    def key(self) -> str:
        """The key of the case that hears it."""
        if self.signal is not None:
            return self.signal.target
        return self.said.ticket

    @property
    def id(self) -> str:
        """The id of the event or signal."""
        return self.said.id if self.signal is None else self.signal.id

    @property
    def said(self) -> TicketEvent:
        """The event, which only a signal may lack.

        Raises:
            LookupError: It is a signal without one.
        """
        event = self.event if self.signal is None else self.signal.event
        if event is None:
            msg = "a signal that carries no event was asked for one"
            raise LookupError(msg)
        return event


def hear_of(
    event: TicketEvent,
    seq: int,
    policy: Policy,
    *,
    received: Instant | None = None,
    allowance: Seconds = Seconds(0),
) -> Heard:
    """Return *event* with the instant at which it counts (Late events).

    Args:
        event: As it was delivered.
        seq: Its place in the order of receipt of its ticket.
        policy: The rules of lateness.
        received: When it reached us; by default its `receivedat`, or else its own time.
        allowance: A delay up to this is the pipeline's own and does not make the event late.
    """
    happened = instant(event.time)
    if received is None:
        received = happened if event.receivedat is None else instant(event.receivedat)
    if happened > received:
        # Nothing counts before it has reached us, whatever the sender's clock says.
        return _heard(event, received, received, seq, ahead=Seconds(happened - received))
    late_by = received - happened
    if late_by > policy.late_event_window:
        return _heard(event, received, received, seq)
    return _heard(event, happened, happened if late_by <= allowance else received, seq)


def hear_signal(signal: Signal, received: Instant, seq: int) -> Heard:
    """Return *signal* as its target hears it at *received*, by the input number *seq*."""
    at = Instant(signal.order[0])
    return _signalled(signal, at, Instant(max(at, received)), seq)


def standing(history: Iterable[Heard]) -> list[Heard]:
    """Return what still holds of *history*, which comes in the order in which it was heard."""
    listed = list(history)
    latest = {one.signal.id: one for one in listed if one.signal is not None}
    if not latest:
        return listed
    return [
        one
        for one in listed
        if one.signal is None or (not one.signal.gone and latest[one.signal.id] is one)
    ]


def _heard(
    event: TicketEvent,
    effective: Instant,
    received: Instant,
    seq: int,
    *,
    seen_tier: int | None = None,
    ahead: Seconds = Seconds(0),
) -> Heard:
    order = (effective, _rank(event), seq, 0)
    return Heard(event, effective, received, seq, order, None, seen_tier, ahead)


def _signalled(signal: Signal, effective: Instant, received: Instant, seq: int) -> Heard:
    _, rank, cause, depth = signal.order
    return Heard(None, effective, received, seq, (effective, rank, cause, depth), signal)


def _rank(event: TicketEvent) -> int:
    """A `ticket.*` event that names nobody is the helpdesk's; everything else is a human act."""
    if event.type.startswith("ticket.") and getattr(event.data, "by", None) is None:
        return SOURCE_EVENT
    return HUMAN_ACT


# --- storing ----------------------------------------------------------------------------------


def dump_heard(heard: Heard) -> bytes:
    """Return *heard* as JSON; `restore_heard` gives it back."""
    head = f'{{"effective":{heard.effective},"received":{heard.received},"seq":{heard.seq}'
    tail = "" if heard.seen_tier is None else f',"seen_tier":{heard.seen_tier}'
    signal = heard.signal
    if signal is None:
        # The event is most of it, and written in one go.
        event = heard.said.model_dump_json(exclude_unset=True)
        return f'{head},"event":{event}{tail}}}'.encode()
    plain = {
        "kind": signal.kind,
        "sender": signal.sender,
        "target": signal.target,
        "order": signal.order,
        "data": signal.data,
        "event": _plain(signal.event),
        "gone": signal.gone,
    }
    return f'{head}{tail},"signal":{to_json(plain).decode()}}}'.encode()


def restore_heard(text: bytes | str) -> Heard:
    """Return what `dump_heard` wrote."""
    plain: dict[str, Any] = from_json(text)
    effective, received = Instant(plain["effective"]), Instant(plain["received"])
    if (told := plain.get("signal")) is not None:
        return _signalled(_signal(told), effective, received, plain["seq"])
    event = decode_event(to_json(plain["event"]))
    return _heard(event, effective, received, plain["seq"], seen_tier=plain.get("seen_tier"))


def _signal(told: dict[str, Any]) -> Signal:
    order: Sequence[int] = told["order"]
    return Signal(
        told["kind"],
        told["sender"],
        told["target"],
        (order[0], order[1], order[2], order[3]),
        told["data"],
        _event(told.get("event")),
        told["gone"],
    )


def _plain(event: TicketEvent | None) -> dict[str, Any] | None:
    return None if event is None else event.model_dump(mode="json", exclude_unset=True)


def _event(plain: dict[str, Any] | None) -> TicketEvent | None:
    return None if plain is None else decode_event(to_json(plain))
