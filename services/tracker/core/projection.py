"""The projection: a row and a message into the row after it. Pure, total, in any order.

`project` is given every message once (its `identity` is stored beside the effect); messages of one
ticket may then come in any order, and the three topics need not wait for one another: the row is the
same in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from services.tracker.core.case import Case, case_from, decide
from services.tracker.core.facts import Facts, facts_from, learn
from services.tracker.core.message import Kind, Message


@dataclass(frozen=True, slots=True)
class TicketRow:
    """Everything that the read model knows of one ticket.

    Attributes:
        key: The ticket's or group's key.
        facts: What helpdesks and people say.
        case: What was decided.
    """

    key: str
    facts: Facts = field(default_factory=Facts)
    case: Case = field(default_factory=Case)


def project(row: TicketRow, message: Message, *, late_after_s: float) -> TicketRow:
    """Return *row* as it reads after *message*, which it has not seen before.

    A delivery is a row of its own (`notices`), and a type that is not known says nothing here.

    Args:
        row: The row of the message's ticket.
        message: The message.
        late_after_s: A decision made more (virtual) seconds after its effective time is late.
    """
    match message.kind:
        case Kind.EVENT:
            return TicketRow(row.key, learn(row.facts, message), row.case)
        case Kind.DECISION:
            case = decide(row.case, message, late_after_s=late_after_s)
            return TicketRow(row.key, row.facts, case)
        case Kind.DELIVERY:
            return row


def dump(row: TicketRow) -> str:
    """Return what `restore` needs beside the key, as JSON."""
    return to_json({"facts": row.facts, "case": row.case}).decode()


def restore(key: str, plain: str | bytes) -> TicketRow:
    """Return the row that `dump` wrote."""
    stored: dict[str, Any] = from_json(plain)
    return TicketRow(key, facts_from(stored["facts"]), case_from(stored["case"]))
