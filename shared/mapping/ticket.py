"""What every mapping says of a ticket, and the facts that come of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from shared.mapping.sections import (
    Column,
    CustomerKey,
    FactName,
    Header,
    MessageRule,
    Right,
    TimeNotation,
    columns_of,
)
from shared.policy.shape.base import Section


class TicketMapping(Section):
    """The part of a mapping that does not depend on how the desk hands its tickets over."""

    mapping: Header
    time: TimeNotation
    facts: Mapping[FactName, Column | tuple[Column, ...]] = Field(default_factory=dict)
    customer: Mapping[CustomerKey, Column] = Field(default_factory=dict)
    carried: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Column] = Field(
        default_factory=dict
    )
    lowering: Right | None = None
    messages: tuple[MessageRule, ...] = ()

    def plain_columns(self) -> tuple[str, ...]:
        """Return the columns that are taken as they are, some perhaps twice."""
        return (
            *(one for fact in self.facts.values() for one in columns_of(fact)),
            *self.customer.values(),
            *self.carried.values(),
        )

    def plain_facts(self, values: Mapping[str, str | None]) -> dict[str, Any]:
        """Return the facts that *values*, by column, hold as they are.

        A column that is missing from *values* was not told: a fact, or a customer, of which no
        column was told is left out. None is a fact too: nothing is there.
        """
        found: dict[str, Any] = {}
        for name, fact in self.facts.items():
            told = [values[column] for column in columns_of(fact) if column in values]
            if told:
                found[name] = ", ".join(text for text in told if text) or None
        customer = {key: values[one] for key, one in self.customer.items() if one in values}
        if customer:
            found["customer"] = {key: text for key, text in customer.items() if text} or None
        carried = self.carried.items()
        return found | {name: values[column] for name, column in carried if column in values}
