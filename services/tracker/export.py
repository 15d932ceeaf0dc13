"""Tickets as CSV for spreadsheets, which must not take what people wrote for a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Final

from services.tracker.replies import Ticket

COLUMNS: Final = (
    "key",
    "title",
    "status",
    "tier",
    "priority",
    "severity",
    "impact",
    "customer_id",
    "customer",
    "plan",
    "vip",
    "owner",
    "service",
    "component",
    "opened_at",
    "updated_at",
    "promise",
    "promise_due",
    "promise_due_in_s",
    "next_step",
    "next_step_due",
    "customer_waits_since",
    "open_escalations",
    "escalations",
    "notices",
    "late",
    "breached",
    "met",
    "reopens",
    "version",
)
"""The heading; every row has these columns in this order."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Cell = str | int | None


def heading() -> str:
    """Return the first line."""
    return _lines([COLUMNS])


def rows(tickets: Iterable[Ticket]) -> str:
    """Return one line for each of *tickets*; times are RFC 3339, spans seconds."""
    return _lines(map(_row, tickets))


def _row(ticket: Ticket) -> tuple[Cell, ...]:
    promise, step, counters = ticket.next_deadline, ticket.next_step, ticket.counters
    moments = (ticket.opened_at, ticket.updated_at)
    waits = ticket.customer_waits_since
    return (
        ticket.key,
        ticket.title,
        ticket.status,
        ticket.tier,
        ticket.priority,
        ticket.severity,
        ticket.impact,
        ticket.customer.id,
        ticket.customer.name,
        ticket.customer.plan,
        "yes" if ticket.customer.vip else "no",
        ticket.owner,
        ticket.service,
        ticket.component,
        *(None if at is None else at.isoformat() for at in moments),
        *(
            (None,) * 3
            if promise is None
            else (promise.timer, promise.due.isoformat(), promise.due_in_s)
        ),
        *((None,) * 2 if step is None else (step.timer, step.due.isoformat())),
        None if waits is None else waits.isoformat(),
        " ".join(one.target for one in ticket.escalations),
        counters.escalations,
        counters.notices,
        counters.late,
        counters.breached,
        counters.met,
        counters.reopens,
        ticket.version,
    )


def _lines(cells: Iterable[Iterable[Cell]]) -> str:
    text = StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in line] for line in cells)
    return text.getvalue()


def _harmless(cell: Cell) -> Cell:
    """Return *cell* with an apostrophe before what a spreadsheet would compute."""
    if isinstance(cell, str) and cell.lstrip(" \n").startswith(_FORMULA):
        return f"'{cell}"
    return cell
