"""What a case hears: an event with the instant at which it counts and its place in the order."""

from __future__ import annotations

from dataclasses import dataclass

from services.escalator.core.case import HUMAN_ACT, SOURCE_EVENT, Order
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, Seconds, instant
from shared.policy.document import Policy


@dataclass(frozen=True, slots=True)
class Heard:
    """One event of one ticket.

    `effective` is when it counts, `received` when it reached us (never before `effective`), and
    `seq` its place in the order of receipt of its ticket.
    """

    event: TicketEvent
    effective: Instant
    received: Instant
    seq: int

    @property
    def order(self) -> Order:
        """Its place in the case's history (`tie_order`: source events, acts of people, timers)."""
        return (self.effective, _rank(self.event), self.seq)


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
        return Heard(event, received, received, seq)
    late_by = received - happened
    if late_by > policy.late_event_window:
        return Heard(event, received, received, seq)
    return Heard(event, happened, happened if late_by <= allowance else received, seq)


def _rank(event: TicketEvent) -> int:
    """A `ticket.*` event that names nobody is the helpdesk's; everything else is a human act."""
    if event.type.startswith("ticket.") and getattr(event.data, "by", None) is None:
        return SOURCE_EVENT
    return HUMAN_ACT
