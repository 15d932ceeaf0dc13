"""What `/v1/tickets` may be asked: filters and orders, and the SQL that each becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from shared.contract.events import Priority, Status


class Sort(StrEnum):
    """The orders that a list may have."""

    BREACH = "breach"
    OPENED = "opened"
    UPDATED = "updated"
    PRIORITY = "priority"


@dataclass(frozen=True, slots=True)
class _Order:
    """An order: its columns with their types, the ticket's key last, all in one direction."""

    columns: tuple[tuple[str, str], ...]
    descending: bool = False


_DUE: Final = ("coalesce(next_due, 'infinity'::timestamptz)", "timestamptz")
_KEY: Final = ("key", "text")
_OPENED: Final = ("coalesce(opened_at, 'infinity'::timestamptz)", "timestamptz")
_ORDERS: Final[Mapping[Sort, _Order]] = {
    Sort.BREACH: _Order((_DUE, _KEY)),
    Sort.OPENED: _Order((_OPENED, _KEY), descending=True),
    Sort.UPDATED: _Order((("updated_at", "timestamptz"), _KEY), descending=True),
    Sort.PRIORITY: _Order((("coalesce(priority, 'P9')", "text"), _DUE, _KEY)),
}

UNDECIDED: Final = 0
"""The tier to ask for where the escalator has not decided yet."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question for tickets; what is None is not asked.

    Attributes:
        sort: The order.
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

    @property
    def parts(self) -> int:
        """How many parts a place in the order has."""
        return len(_ORDERS[self.sort].columns)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The SQL types of those parts."""
        return tuple(kind for _, kind in _ORDERS[self.sort].columns)

    def statement(self, place: Sequence[Any]) -> tuple[str, dict[str, Any]]:
        """Return the SELECT of rows after *place* (empty: from the start), and what it is given.

        It still wants `limit`. Nothing that was sent becomes part of its text.
        """
        order = _ORDERS[self.sort]
        clauses, given = self._filters()
        if place:
            sides = [
                f"CAST(CAST(:place_{n} AS text) AS {kind})"
                for n, (_, kind) in enumerate(order.columns)
            ]
            given |= {f"place_{n}": part for n, part in enumerate(place)}
            columns = ", ".join(column for column, _ in order.columns)
            sign = "<" if order.descending else ">"
            clauses.append(f"({columns}) {sign} ({', '.join(sides)})")
        direction = " DESC" if order.descending else ""
        by = ", ".join(f"{column}{direction}" for column, _ in order.columns)
        place_columns = ", ".join(f"CAST({column} AS text)" for column, _ in order.columns)
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        statement = (
            f"SELECT key, revision, CAST(state AS text), {place_columns}"  # noqa: S608  own text only
            f" FROM ticket {where} ORDER BY {by} LIMIT :limit"
        )
        return statement, given

    def _filters(self) -> tuple[list[str], dict[str, Any]]:
        asked: list[tuple[str, dict[str, Any]]] = []
        if self.open is not None:
            asked.append(("open = :open", {"open": self.open}))
        if self.tiers:
            tiers = "coalesce(tier, 0) = ANY(CAST(:tiers AS int[]))"
            asked.append((tiers, {"tiers": list(self.tiers)}))
        if self.priorities:
            priorities = [str(one) for one in self.priorities]
            asked.append(("priority = ANY(CAST(:ps AS text[]))", {"ps": priorities}))
        if self.statuses:
            statuses = [str(one) for one in self.statuses]
            asked.append(("status = ANY(CAST(:statuses AS text[]))", {"statuses": statuses}))
        if self.owner is not None:
            asked.append(("owner = :owner", {"owner": self.owner}))
        if self.customer is not None:
            asked.append(("customer = :customer", {"customer": self.customer}))
        if self.due_before is not None:
            before = "next_due < CAST(:due_before AS timestamptz)"
            asked.append((before, {"due_before": self.due_before}))
        if self.text is not None:
            part = self.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            asked.append(("(title ILIKE :part OR key ILIKE :part)", {"part": f"%{part}%"}))
        given: dict[str, Any] = {}
        for _, values in asked:
            given |= values
        return [clause for clause, _ in asked], given
