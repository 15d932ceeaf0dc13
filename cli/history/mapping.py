"""The mapping: how the columns and words of a log become facts, statuses and messages.

It is YAML for people to read, with a comment where a choice needs its reason;
`deploy/mapping/servicenow-incident-log.yaml` is the one that ships, and the example.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from shared.mapping.sections import Column, CountColumn, CountName, SeverityColumn, StatusColumn
from shared.mapping.ticket import TicketMapping
from shared.policy.shape.base import Section


class RowColumns(Section):
    """Which columns say which row this is, when it was written, and by whom."""

    ticket: Column
    revision: Column
    written_at: Column
    written_by: Column | None = None
    opened_at: Column | None = None


class Resolution(Section):
    """Columns that are read only in a row that resolves; before, they would be the future."""

    cause_class: Column | None = None
    knowledge_url: Column | None = None


class Hold(Section):
    """Columns that a row must fill when its status becomes a scheduled hold."""

    resume_at: Column
    customer_agreement_ref: Column


class LogMapping(TicketMapping):
    """A whole mapping."""

    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,60}$")]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    unknown: tuple[str, ...] = ("",)
    row: RowColumns
    status: StatusColumn
    severity: SeverityColumn | None = None
    counts: Mapping[CountName, CountColumn] = Field(default_factory=dict)
    resolution: Resolution = Resolution()
    hold: Hold | None = None

    def columns(self) -> tuple[str, ...]:
        """Return every column that is read, each once."""
        given: list[str | None] = [
            *self.row.model_dump().values(),
            self.status.column,
            None if self.severity is None else self.severity.column,
            *(count.column for count in self.counts.values()),
            *self.plain_columns(),
            *self.resolution.model_dump().values(),
            *(() if self.hold is None else self.hold.model_dump().values()),
        ]
        return tuple(dict.fromkeys(name for name in given if name is not None))
