"""What a trainee can do: each act is what the product would be sent, or a word in a room.

An act on a ticket becomes the events that a helpdesk or the board would post, with the keys of the
act as theirs, so that the same engine decides. What Tierline has no event for (a word in a
channel, naming a commander, an answer to a quiz) is kept in the transcript only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import Field
from typing_extensions import override

from services.escalator.core.roleplay.offsets import Offset
from shared.policy.shape.base import Section

Told: TypeAlias = Sequence[tuple[str, dict[str, Any]]]
"""Events that an act becomes: type and data."""

_AGENT: Final[Mapping[str, Any]] = MappingProxyType({"author": "agent"})
_PUBLIC: Final[Mapping[str, Any]] = MappingProxyType({"author": "agent", "public": True})
_EXTERNAL: Final[Mapping[str, Any]] = MappingProxyType({"track": "external"})


class Act(Section):
    """One thing that a seat does at a time of the role-play.

    `seat` is the role in which it is done, `by` the person (default: the seat), `ticket` the ticket
    (default: the role-play's), where `group` stands for the group that is open.
    """

    becomes: ClassVar[str | None] = None
    always: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    act: str
    at: Offset
    seat: str
    by: str | None = None
    ticket: str | None = None

    def events(self) -> Told:
        """Return what the engine hears of it; nothing for what happens in a room."""
        return [] if self.becomes is None else [(self.becomes, {**self.always, **self.details()})]

    def details(self) -> dict[str, Any]:
        """Return what was said in it, without verb, time, seat and ticket."""
        return self.model_dump(exclude={"act", "at", "seat", "by", "ticket"}, exclude_none=True)


class Reply(Act):
    """Writes to the customer; with `asks_customer` it is a question."""

    becomes = "ticket.message"
    always = _PUBLIC
    act: Literal["reply"]
    text: str
    asks_customer: bool = False
    next_update: str | None = None
    workaround: str | None = None


class Note(Act):
    """Writes a note that the customer does not see; `about` says what it settles."""

    becomes = "ticket.message"
    always = MappingProxyType({**_AGENT, "note_kind": "comment"})
    act: Literal["note"]
    text: str
    about: str | None = None


class Progress(Act):
    """Writes a progress note: what was done, what comes next."""

    becomes = "ticket.message"
    always = MappingProxyType({**_AGENT, "note_kind": "progress"})
    act: Literal["progress"]
    text: str
    about: str | None = None


class Link(Act):
    """Links the ticket to knowledge or to another ticket."""

    becomes = "ticket.message"
    always = MappingProxyType({**_AGENT, "note_kind": "comment"})
    act: Literal["link"]
    to: str
    kind: Literal["knowledge", "ticket"]


class Triage(Act):
    """Sets severity or counts; lowering them needs the right, a reason and evidence."""

    becomes = "ticket.updated"
    act: Literal["triage"]
    severity: Literal["S1", "S2", "S3", "S4"] | None = None
    affected_users: int | None = None
    affected_orgs: int | None = None
    reason: str | None = None
    evidence: str | None = None


class Raise(Act):
    """Asks for a higher tier, or on the hierarchical track for a lead, with the form in `info`."""

    becomes = "escalation.requested"
    act: Literal["raise"]
    to_tier: Literal[1, 2, 3] | None = None
    info: dict[str, Any] = Field(default_factory=dict)
    reason: str | None = None
    track: Literal["functional", "hierarchical"] | None = None


class Ask(Act):
    """Asks a department for help, with the form `to_department` in `info`."""

    becomes = "escalation.requested"
    act: Literal["ask"]
    department: str
    info: dict[str, Any] = Field(default_factory=dict)


class Acknowledge(Act):
    """Takes an escalation, and says the case again in own words."""

    becomes = "escalation.acknowledged"
    act: Literal["acknowledge"]
    restated: str | None = None
    track: Literal["functional", "hierarchical", "external"] | None = None
    department: str | None = None


class GiveBack(Act):
    """Returns the case to the tier that sent it."""

    becomes = "escalation.returned"
    act: Literal["return"]
    reason_code: str
    info: dict[str, Any] = Field(default_factory=dict)


class Decline(Act):
    """Says for a department that the request is not its own, and whose it is."""

    becomes = "escalation.declined"
    always = _EXTERNAL
    act: Literal["decline"]
    department: str
    reason_code: str
    to: str


class Assign(Act):
    """Gives a request that nobody took to a department, binding."""

    becomes = "escalation.assigned"
    always = _EXTERNAL
    act: Literal["assign"]
    to: str


class HandOver(Act):
    """Gives the work to another person of the tier, with what the next one must know."""

    becomes = "escalation.handed_over"
    act: Literal["hand_over"]
    to: str
    info: dict[str, Any] = Field(default_factory=dict)


class Supply(Act):
    """Fills fields of the form that are still owed."""

    becomes = "escalation.info_supplied"
    act: Literal["supply"]
    info: dict[str, Any]


class StepDown(Act):
    """Lets the case leave its tier downwards, with the form `de_escalate` in `info`."""

    becomes = "escalation.deescalated"
    act: Literal["step_down"]
    info: dict[str, Any] = Field(default_factory=dict)


class Flag(Act):
    """Sets an override of the policy."""

    becomes = "case.flagged"
    act: Literal["flag"]
    flag: str
    reason: str | None = None


class Wait(Act):
    """Waits for the customer; `text` is the public question that goes out in the same action."""

    act: Literal["wait"]
    text: str | None = None

    @override
    def events(self) -> Told:
        """Return the question, if there is one, and the status."""
        asked = {**_PUBLIC, "asks_customer": True, "text": self.text}
        question = [] if self.text is None else [("ticket.message", asked)]
        return [*question, ("ticket.status_changed", {"status": "waiting_customer"})]


class Status(Act):
    """Sets another status."""

    becomes = "ticket.status_changed"
    act: Literal["status"]
    status: Literal["open", "waiting_internal", "waiting_vendor", "closed", "cancelled"]


class Resolve(Act):
    """Resolves the ticket: why it happened, where it is written up, whether the customer agreed."""

    becomes = "ticket.status_changed"
    always = MappingProxyType({"status": "resolved"})
    act: Literal["resolve"]
    cause_class: str | None = None
    knowledge_url: str | None = None
    avoidable: bool | None = None
    confirmed: bool | None = None


class Open(Act):
    """Opens another ticket."""

    becomes = "ticket.opened"
    act: Literal["open"]
    title: str


class Merge(Act):
    """Folds the ticket into another one."""

    becomes = "ticket.merged"
    act: Literal["merge"]
    into: str


class Post(Act):
    """Writes in a channel of the policy; nothing is sent anywhere."""

    act: Literal["post"]
    channel: str
    text: str


class Name(Act):
    """Names who commands, who speaks to customers, who keeps the timeline."""

    act: Literal["name"]
    commander: str | None = None
    liaison: str | None = None
    scribe: str | None = None


class TakeSeat(Act):
    """Answers for a seat that was called at the start: command, or the voice to customers."""

    act: Literal["take_seat"]
    text: str


class Call(Act):
    """Speaks to the customer in person; `text` is what was said and agreed."""

    act: Literal["call"]
    text: str


class Item(Act):
    """Opens an item for afterwards: a review, a repair of the roster, a gap in ownership."""

    act: Literal["item"]
    kind: Literal["review", "roster_repair", "ownership_gap", "product_request"]
    text: str
    avoidable_class: str | None = None


class Answer(Act):
    """Answers a question of the trainer."""

    act: Literal["answer"]
    question: str
    text: str


AnyAct: TypeAlias = Annotated[
    Reply | Note | Progress | Link | Triage | Raise | Ask | Acknowledge | GiveBack | Decline
    | Assign | HandOver | Supply | StepDown | Flag | Wait | Status | Resolve | Open | Merge
    | Post | Name | TakeSeat | Call | Item | Answer,
    Field(discriminator="act"),
]  # fmt: skip
"""Any act, by its verb."""

_MODELS: Final[Sequence[type[Act]]] = (
    Reply, Note, Progress, Link, Triage, Raise, Ask, Acknowledge, GiveBack, Decline, Assign,
    HandOver, Supply, StepDown, Flag, Wait, Status, Resolve, Open, Merge, Post, Name, TakeSeat,
    Call, Item, Answer,
)  # fmt: skip

VERBS: Final[Mapping[str, type[Act]]] = MappingProxyType(
    {model.model_fields["act"].annotation.__args__[0]: model for model in _MODELS}  # type: ignore[union-attr]  # a Literal of one word
)
"""The acts by verb."""
