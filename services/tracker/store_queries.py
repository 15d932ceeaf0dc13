"""What `/v1/tickets` may be asked: filters and orders, and the SELECT that each becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Select, Text, cast, literal, or_, select, tuple_

from services.tracker.tables import ticket
from shared.contract.events import Priority, Status


class Sort(StrEnum):
    """The orders that a list may have."""

    BREACH = "breach"
    OPENED = "opened"
    UPDATED = "updated"


UNDECIDED: Final = 0
"""The tier to ask for where the escalator has not decided yet."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question for tickets; what is None or empty is not asked.

    Attributes:
        sort: The order: nearest breach first, or newest opened or updated first.
        open: Whether somebody may still have to act.
        tiers: Any of these; `UNDECIDED` for none yet.
        priorities: Any of these.
        statuses: Any of these.
        owner: Who works on it.
        customer: The customer's id.
        due_before: A promise to the customer is due before this.
        text: Part of the title or of the key, in any case.
    """

    sort: Sort = Sort.BREACH
    open: bool | None = None
    tiers: tuple[int, ...] = ()
    priorities: tuple[Priority, ...] = ()
    statuses: tuple[Status, ...] = ()
    owner: str | None = None
    customer: str | None = None
    due_before: datetime | None = None
    text: str | None = None

    def statement(self, place: Sequence[str], limit: int) -> Select[Any]:
        """Return the SELECT of up to *limit* rows after *place* (empty: from the first).

        A row is the ticket's key and state, and its own place in the order: an instant as text,
        and the key.
        """
        by = _BY[self.sort]
        asked = select(
            ticket.c.key, cast(ticket.c.state, Text), cast(by, Text), ticket.c.key
        ).where(*self._filters())
        nearest_first = self.sort is Sort.BREACH
        if place:
            at, key = place
            # Through text, since no driver's type knows infinity.
            there = tuple_(cast(cast(literal(at), Text), by.type), literal(key))
            here = tuple_(by, ticket.c.key)
            asked = asked.where(here > there if nearest_first else here < there)
        order = (by, ticket.c.key) if nearest_first else (by.desc(), ticket.c.key.desc())
        return asked.order_by(*order).limit(limit)

    def _filters(self) -> Iterator[ColumnElement[bool]]:
        if self.open is not None:
            # Not "= :open": the indexes of the open ones are chosen by the word.
            yield ticket.c.open if self.open else ~ticket.c.open
        if self.tiers:
            yield _any(ticket.c.tier, self.tiers)
        if self.priorities:
            yield _any(ticket.c.priority, self.priorities)
        if self.statuses:
            yield _any(ticket.c.status, self.statuses)
        if self.owner is not None:
            yield ticket.c.owner == self.owner
        if self.customer is not None:
            yield ticket.c.customer == self.customer
        if self.due_before is not None:
            yield ticket.c.next_due < self.due_before
        if self.text is not None:
            yield or_(
                ticket.c.title.icontains(self.text, autoescape=True),
                ticket.c.key.icontains(self.text, autoescape=True),
            )


_BY: Final[Mapping[Sort, Column[Any]]] = {
    Sort.BREACH: ticket.c.next_due,
    Sort.OPENED: ticket.c.opened_at,
    Sort.UPDATED: ticket.c.updated_at,
}


def _any(column: Column[Any], of: Sequence[Any]) -> ColumnElement[bool]:
    # One is asked as "=": then the column may lead an index in whose order the rows come.
    return column == of[0] if len(of) == 1 else column.in_(of)
