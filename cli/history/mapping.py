"""The mapping: how the columns and words of a log become facts, statuses and messages.

It is YAML for people to read, with a comment where a choice needs its reason;
`deploy/mapping/servicenow-incident-log.yaml` is the one that ships, and the example.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from shared.contract.vocabulary import Author, Severity, Status
from shared.policy.shape.base import Section

Column: TypeAlias = Annotated[str, Field(min_length=1)]
FactName = Literal[
    "title", "requester", "owner", "service", "component", "symptom", "category", "url"
]
CountName = Literal["affected_users", "affected_orgs"]
CustomerKey = Literal["id", "name", "plan", "region"]
# Merging needs to know into what, which a column of states does not say.
StatusWord = Literal[
    "new",
    "open",
    "waiting_customer",
    "waiting_internal",
    "waiting_vendor",
    "scheduled_hold",
    "resolved",
    "closed",
    "cancelled",
]


class Header(Section):
    """What the mapping is called."""

    name: str
    version: int


class RowColumns(Section):
    """Which columns say which row this is, when it was written, and by whom."""

    ticket: Column
    revision: Column
    written_at: Column
    written_by: Column | None = None
    opened_at: Column | None = None


class TimeNotation(Section):
    """How times are written: a format of strptime, and the zone of what names none."""

    format: str
    zone: str

    @field_validator("format")
    @classmethod
    def _reads_what_it_writes(cls, text: str) -> str:
        moment = datetime(2016, 2, 29, 23, 59, tzinfo=UTC)
        try:
            read = datetime.strptime(moment.strftime(text), text).replace(tzinfo=UTC)
        except ValueError:
            read = None
        if read != moment:
            message = "write a date and a time in strptime's letters, such as %d-%m-%Y %H:%M"
            raise ValueError(message)
        return text

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError):  # not found, or what could be no name
            message = "no such time zone; write one like Europe/Vienna or UTC"
            raise ValueError(message) from None
        return name


class StatusColumn(Section):
    """Which column holds the status, and what its words mean."""

    column: Column
    words: Mapping[str, StatusWord]

    def status(self, word: str) -> Status:
        """Return the status of the policy that the desk's *word* means."""
        return Status(self.words[word])


class SeverityColumn(Section):
    """Which column says what one person suffers, and what its words mean."""

    column: Column
    words: Mapping[str, Severity]


class CountColumn(Section):
    """Which column says how many suffer, and how many its words mean at least."""

    column: Column
    words: Mapping[str, Annotated[int, Field(ge=0)]]


class Lowering(Section):
    """By which right the desk lowered a severity or a count; the policy asks for one."""

    role: str
    reason: str
    evidence: str


class Resolution(Section):
    """Columns that are read only in a row that resolves; before, they would be the future."""

    cause_class: Column | None = None
    knowledge_url: Column | None = None


class Hold(Section):
    """Columns that a row must fill when its status becomes a scheduled hold."""

    resume_at: Column
    customer_agreement_ref: Column


class MessageRule(Section):
    """A message that the log does not hold but a row shows to have been written.

    Of the rules that a row calls for, the first is written. *status_becomes* asks that the row's
    status is one of these and the row before had another; *status_leaves* that it is none of
    these and the row before had one of them. Before the first row a ticket has no status, so a
    first row in a listed (not listed) status counts. With *first_only* it is written only where no
    rule has yet written in this author's name.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,30}$")]
    status_becomes: tuple[str, ...] = ()
    status_leaves: tuple[str, ...] = ()
    first_only: bool = False
    author: Author
    public: bool = True
    asks_customer: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the desk that it names."""
        return (*self.status_becomes, *self.status_leaves)


class LogMapping(Section):
    """A whole mapping."""

    mapping: Header
    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,60}$")]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    unknown: tuple[str, ...] = ("",)
    row: RowColumns
    time: TimeNotation
    status: StatusColumn
    severity: SeverityColumn | None = None
    counts: Mapping[CountName, CountColumn] = Field(default_factory=dict)
    facts: Mapping[FactName, Column | tuple[Column, ...]] = Field(default_factory=dict)
    customer: Mapping[CustomerKey, Column] = Field(default_factory=dict)
    carried: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Column] = Field(
        default_factory=dict
    )
    lowering: Lowering | None = None
    resolution: Resolution = Resolution()
    hold: Hold | None = None
    messages: tuple[MessageRule, ...] = ()

    def columns(self) -> tuple[str, ...]:
        """Return every column that is read, each once."""
        given: list[str | None] = [
            *self.row.model_dump().values(),
            self.status.column,
            None if self.severity is None else self.severity.column,
            *(count.column for count in self.counts.values()),
            *(one for fact in self.facts.values() for one in columns_of(fact)),
            *self.customer.values(),
            *self.carried.values(),
            *self.resolution.model_dump().values(),
            *(() if self.hold is None else self.hold.model_dump().values()),
        ]
        return tuple(dict.fromkeys(name for name in given if name is not None))


def columns_of(fact: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that a fact is made of."""
    return (fact,) if isinstance(fact, str) else fact
