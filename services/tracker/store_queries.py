"""What `/v1/tickets` may be asked: filters and orders, and the SELECT that each becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
)

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
        team: Whose turn it is: a tier's team, or whom an open escalation was raised to.
        group: The group that it is part of.
        source: The helpdesk that it stands at; None for any, groups too.
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
    team: str | None = None
    group: str | None = None
    source: str | None = None
    owner: str | None = None
    customer: str | None = None
    due_before: datetime | None = None
    text: str | None = None

    def within(self, source: str | None) -> Self:
        """Return the same question about *source* alone; about all where that is None."""
        return replace(self, source=source)

    def statement(self, place: Sequence[str], limit: int, of: FromClause = ticket) -> Select[Any]:
        """Return the SELECT of up to *limit* rows of *of* after *place* (empty: from the first).

        A row is the ticket's key and state, and its own place in the order: an instant as text,
        and the key. *of* has the columns of `ticket`.
        """
        by = of.c[_BY[self.sort]]
        asked = select(of.c.key, cast(of.c.state, Text), cast(by, Text), of.c.key).where(
            *self._filters(of)
        )
        nearest_first = self.sort is Sort.BREACH
        if place:
            at, key = place
            # Through text, since no driver's type knows infinity.
            there = tuple_(cast(cast(literal(at), Text), by.type), literal(key))
            here = tuple_(by, of.c.key)
            asked = asked.where(here > there if nearest_first else here < there)
        order = (by, of.c.key) if nearest_first else (by.desc(), of.c.key.desc())
        return asked.order_by(*order).limit(limit)

    def _filters(self, of: FromClause) -> Iterator[ColumnElement[bool]]:
        if self.open is not None:
            # Not "= :open": the indexes of the open ones are chosen by the word.
            yield of.c.open if self.open else ~of.c.open
        several: tuple[tuple[str, Sequence[Any]], ...] = (
            ("tier", self.tiers),
            ("priority", self.priorities),
            ("status", self.statuses),
        )
        for name, values in several:
            if values:
                yield _any(of.c[name], values)
        one = (("part_of", self.group), ("owner", self.owner), ("customer", self.customer))
        for name, value in one:
            if value is not None:
                yield of.c[name] == value
        yield from self._narrower(of)

    def _narrower(self, of: FromClause) -> Iterator[ColumnElement[bool]]:
        if self.team is not None:
            yield literal(self.team) == func.any(func.string_to_array(of.c.teams, " "))
        if self.source is not None:
            yield of.c.key.startswith(f"{self.source}:", autoescape=True)
        if self.due_before is not None:
            yield of.c.next_due < self.due_before
        if self.text is not None:
            yield or_(
                of.c.title.icontains(self.text, autoescape=True),
                of.c.key.icontains(self.text, autoescape=True),
            )


_BY: Final[Mapping[Sort, str]] = {
    Sort.BREACH: "next_due",
    Sort.OPENED: "opened_at",
    Sort.UPDATED: "updated_at",
}


def _any(column: ColumnElement[Any], of: Sequence[Any]) -> ColumnElement[bool]:
    # One is asked as "=": then the column may lead an index in whose order the rows come.
    return column == of[0] if len(of) == 1 else column.in_(of)
