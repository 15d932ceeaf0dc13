"""Ticket events for tests, one builder for each kind, every detail overridable."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from pydantic_core import to_json

from shared.contract.events import TicketEvent, decode_event


def an_event(
    kind: str, at: str, *, ticket: str = "A", received: str | None = None, **data: Any
) -> TicketEvent:
    """Return an event of type *kind* at *at*; its id is made of everything that it says."""
    plain: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{kind}/{ticket}/{at}/{sha256(to_json(data)).hexdigest()[:12]}",
        "source": "desk",
        "type": kind,
        "subject": ticket,
        "time": at,
        "datacontenttype": "application/json",
        "data": data,
    }
    if received is not None:
        plain["receivedat"] = received
    return decode_event(to_json(plain))


def opened(at: str, *, plan: str = "enterprise", vip: bool = False, **data: Any) -> TicketEvent:
    """A ticket of one person, S3, unless *data* says otherwise."""
    ticket, received = data.pop("ticket", "A"), data.pop("received", None)
    facts: dict[str, Any] = {
        "title": "Totals differ",
        "severity": "S3",
        "affected_users": 1,
        "requester": "ann",
        "owner": "olga",
        "customer": {"id": "acme", "plan": plan, "vip": vip, "region": "emea"},
    }
    return an_event("ticket.opened", at, ticket=ticket, received=received, **(facts | data))


def replied(at: str, **data: Any) -> TicketEvent:
    """A public reply of an agent."""
    return an_event("ticket.message", at, **{"author": "agent", "public": True, **data})


def wrote(at: str, **data: Any) -> TicketEvent:
    """A message of the customer."""
    return an_event("ticket.message", at, **{"author": "customer", "public": True, **data})


def status(at: str, to: str, **data: Any) -> TicketEvent:
    """A change of status by olga."""
    return an_event("ticket.status_changed", at, **({"status": to, "by": "olga"} | data))


def updated(at: str, **data: Any) -> TicketEvent:
    """Changed facts."""
    return an_event("ticket.updated", at, **data)


def acknowledged(
    at: str, *, by: str = "tom", role: str = "t2_specialist", **data: Any
) -> TicketEvent:
    """An acknowledgement of the functional escalation."""
    return an_event("escalation.acknowledged", at, by=by, role=role, **data)
