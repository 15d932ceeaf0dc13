"""The sections that all mappings share: which field is what, and what the desk's words mean.

A field is named as what is read names it: a column of an exported log, a place in a posted body.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from shared.contract.times import EPOCH
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

ISO: Final = "iso"
"""The format of times that are written by ISO 8601, such as RFC 3339."""

_SECONDS_EACH: Final[Mapping[str, float]] = {"seconds": 1.0, "milliseconds": 0.001}


class Header(Section):
    """What the mapping is called."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,60}$")]
    version: int


class TimeNotation(Section):
    """How times are written, and the zone of what names none.

    The format is ``iso``, ``seconds`` or ``milliseconds`` since 1970, or in strptime's letters.
    """

    format: str
    zone: str

    @field_validator("format")
    @classmethod
    def _reads_what_it_writes(cls, text: str) -> str:
        if text == ISO or text in _SECONDS_EACH:
            return text
        moment = datetime(2016, 2, 29, 23, 59, tzinfo=UTC)
        try:
            read = datetime.strptime(moment.strftime(text), text).replace(tzinfo=UTC)
        except ValueError:
            read = None
        if read != moment:
            message = (
                "write a date and a time in strptime's letters, such as %d-%m-%Y %H:%M; or one of"
                " iso, seconds, milliseconds"
            )
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

    def read(self, text: str) -> datetime:
        """Return the moment that *text* writes, in UTC.

        A local time that a clock change skips is read with the offset before it, which moves it
        forward by the gap; of one that comes twice the first is meant.

        Raises:
            ValueError: It writes none in this notation.
        """
        try:
            if self.format in _SECONDS_EACH:
                return EPOCH + timedelta(seconds=float(text) * _SECONDS_EACH[self.format])
            if self.format == ISO:
                read = datetime.fromisoformat(text)
            else:
                read = datetime.strptime(text, self.format)  # noqa: DTZ007  its zone follows
            local = read if read.tzinfo is not None else read.replace(tzinfo=ZoneInfo(self.zone))
            return local.astimezone(UTC)
        except OverflowError as error:
            raise ValueError(str(error)) from None


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


class Right(Section):
    """By which right the desk lowered a severity or a count; the policy asks for one."""

    role: str
    reason: str
    evidence: str


class MessageRule(Section):
    """A message that is not told but that a status shows to have been written.

    Of the rules that a status calls for, the first is written. *status_becomes* asks that the
    status is one of these and was another before; *status_leaves* that it is none of these and
    was one of them before. Before it is first told a ticket has no status, so the first one counts
    where it is listed (not listed). With *first_only* it is written only where nothing has been
    written in this author's name yet.
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


def columns_of(fact: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that a fact is made of."""
    return (fact,) if isinstance(fact, str) else fact
