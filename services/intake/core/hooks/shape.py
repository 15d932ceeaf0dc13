"""What a hook's mapping may say: where a posted body holds what, who wrote, what pauses.

`deploy/mapping/hooks/` has one for each product; they are the examples. The language is that of
`tierline import`; instead of a column's name stands a place in the body (`places`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator

from services.intake.core.hooks.places import PlaceText
from shared.contract.vocabulary import Author, Severity
from shared.mapping.sections import Column, CountName, CustomerKey, FactName
from shared.mapping.ticket import TicketMapping
from shared.policy.shape.base import Plan, Section

# A hold needs a date and the customer's word for it, which no product's webhook carries.
StatusWord = Literal[
    "new",
    "open",
    "waiting_customer",
    "waiting_internal",
    "waiting_vendor",
    "resolved",
    "closed",
    "cancelled",
]
Places: TypeAlias = PlaceText | tuple[PlaceText, ...]


class StatusPlace(Section):
    """Where the status stands, what its words mean, and where to look if none of them is there."""

    column: PlaceText
    words: Mapping[str, StatusWord]
    otherwise: StatusPlace | None = None


class SeverityPlace(Section):
    """Where it says what one person suffers, and what its words mean."""

    column: PlaceText
    words: Mapping[str, Severity]
    otherwise: SeverityPlace | None = None


class CountPlace(Section):
    """Where it says how many suffer: a number, or words and how many each means at least."""

    column: PlaceText
    words: Mapping[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)


class PlanPlace(Section):
    """Where the customer's plan stands, and which plan of the policy its words mean."""

    column: PlaceText
    words: Mapping[str, Plan]


class FlagPlace(Section):
    """Where labels stand, and which override of the policy each of them sets."""

    column: PlaceText
    words: Mapping[str, str]


class TruthPlace(Section):
    """Where yes or no stands, and which words mean which."""

    column: PlaceText
    words: Mapping[str, bool]


class AuthorPlace(Section):
    """Where it says who wrote a message, and what its words mean."""

    column: PlaceText
    words: Mapping[str, Author]


class Condition(Section):
    """Something that a body says: one of *words* at *column*; anything there if none are given."""

    column: PlaceText
    words: tuple[str, ...] = ()


class Ignored(Condition):
    """Bodies that tell nothing of a ticket, and why."""

    because: str


class ChangePlaces(Section):
    """Which places say which ticket it is, which change of it, when and by whom it was made."""

    ticket: PlaceText
    revision: PlaceText | None = None
    written_at: PlaceText | None = None
    written_by: PlaceText | None = None
    opened_at: PlaceText | None = None


class WrittenMessage(Section):
    """A message that the body holds; with *each*, every item of that list, and places inside it.

    *public* is yes or no, or where it says so. Rules of one name tell one message once.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,30}$")]
    each: PlaceText | None = None
    when: Condition | None = None
    id: PlaceText
    at: PlaceText | None = None
    author: AuthorPlace
    author_id: PlaceText | None = None
    public: TruthPlace | bool
    text: PlaceText | None = None


class Pair(Section):
    """A body that carries one field by name; it is then found at `field.<name>`."""

    name: PlaceText
    value: PlaceText


class StampPlace(Section):
    """The header that says when a request was signed, and how."""

    header: str
    format: Literal["iso", "seconds", "milliseconds"]


class Signature(Section):
    """How the product proves that a request is its own: an HMAC over *signed* in a header.

    *signed* puts `{timestamp}`, `{id}`, `{method}`, `{url}` and `{body}` together as the product
    does. With *several* the header holds any number of signatures, apart by blanks.
    """

    header: str
    algorithm: Literal["sha1", "sha256"]
    encoding: Literal["hex", "base64"]
    prefix: str = ""
    signed: str = "{body}"
    timestamp: StampPlace | None = None
    id_header: str | None = None
    key_form: Literal["text", "base64"] = "text"
    several: bool = False

    @field_validator("signed")
    @classmethod
    def _holds_the_body(cls, text: str) -> str:
        if "{body}" not in text:
            raise ValueError("write what is signed, with {body} in it")
        return text


class Setup(Section):
    """What an administrator of the product does, step by step, and what is pasted there.

    Steps may say `{address}` for where to post.
    """

    steps: Annotated[tuple[str, ...], Field(min_length=1)]
    template: str | None = None
    language: Literal["json", "javascript"] = "json"
    notes: tuple[str, ...] = ()


class HookMapping(TicketMapping):
    """A whole mapping of one product's webhook.

    Bodies that *takes* does not hold for, or *ignore* does, tell nothing. With *batch* the body is
    a list, and every item of it a body. What *deleted* holds for is a ticket that is no more.
    """

    product: str
    about: str
    setup: Setup
    signature: Signature | None = None
    batch: bool = False
    unknown: tuple[str, ...] = ()
    takes: Condition | None = None
    ignore: tuple[Ignored, ...] = ()
    deleted: Condition | None = None
    pair: Pair | None = None
    change: ChangePlaces
    facts: Mapping[FactName, Places] = Field(default_factory=dict)
    customer: Mapping[CustomerKey, PlaceText] = Field(default_factory=dict)
    carried: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], PlaceText] = Field(
        default_factory=dict
    )
    status: StatusPlace | None = None
    severity: SeverityPlace | None = None
    counts: Mapping[CountName, CountPlace] = Field(default_factory=dict)
    plan: PlanPlace | None = None
    vip: TruthPlace | None = None
    tags: PlaceText | None = None
    flags: FlagPlace | None = None
    written: tuple[WrittenMessage, ...] = ()

    def places(self) -> Iterator[Column]:
        """Yield every place of the body that is read, outside of lists of messages."""
        change = self.change
        yield change.ticket
        yield from (
            one
            for one in (change.revision, change.written_at, change.written_by, change.opened_at)
            if one is not None
        )
        yield from self.plain_columns()
        yield from (
            one.column for one in (*self.ignore, self.takes, self.deleted) if one is not None
        )
        if self.pair is not None:
            yield from (self.pair.name, self.pair.value)
        for chain in (self.status, self.severity):
            link: StatusPlace | SeverityPlace | None = chain
            while link is not None:
                yield link.column
                link = link.otherwise
        yield from (one.column for one in self.counts.values())
        yield from (one.column for one in (self.plan, self.vip, self.flags) if one is not None)
        if self.tags is not None:
            yield self.tags
        for message in self.written:
            if message.each is None:
                yield from message_places(message)

    def status_words(self) -> list[str]:
        """Return every word of the desk that is a status here."""
        found: list[str] = []
        link = self.status
        while link is not None:
            found += link.words
            link = link.otherwise
        return found


def message_places(message: WrittenMessage) -> Iterator[Column]:
    """Yield the places of one message, inside its list where it has one."""
    yield message.id
    yield message.author.column
    if message.when is not None:
        yield message.when.column
    yield from (one for one in (message.at, message.author_id, message.text) if one is not None)
    if isinstance(message.public, TruthPlace):
        yield message.public.column
