"""Answers by button and link: who may give one, what it is, and what is said to it at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid5

from services.notifier.core.known import Called, Known
from services.notifier.core.roster import Contact, Roster
from shared.contract.ids import NAMESPACE

ANSWER: Final = "answer-"
"""What the ids of acts begin with that were answers; refusals of these are told to their givers."""


class Act(StrEnum):
    """What can be answered."""

    ACKNOWLEDGE = "acknowledge"
    RETURN = "return"
    ESCALATE = "escalate"
    SNOOZE = "snooze"


TYPES: Final[Mapping[Act, str]] = MappingProxyType(
    {
        Act.ACKNOWLEDGE: "escalation.acknowledged",
        Act.RETURN: "escalation.returned",
        Act.ESCALATE: "escalation.requested",
        Act.SNOOZE: "case.snoozed",
    }
)
"""The act that each answer is."""

RETURN_REASONS: Final = (
    "missing_information",
    "wrong_team",
    "not_reproducible",
    "below_threshold",
    "duplicate",
    "known_answer_exists",
)
"""Why a case may be returned (Required information, return_reason_codes)."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What a link or a button is bound to: one person, called in one role for one escalation."""

    ticket: str
    escalation: str
    person: str
    role: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One person's answer, given *at* an instant of the policy's clock, with the form's *more*."""

    seal: Seal
    act: Act
    version: int
    at: datetime
    more: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def id(self) -> str:
        """The act's id: pressing twice while nothing has happened is one act."""
        seal = self.seal
        name = f"{self.act}|{seal.ticket}|{seal.escalation}|{seal.person}|{self.version}"
        return f"{ANSWER}{self.act}-{uuid5(NAMESPACE, name)}"

    def as_act(self) -> dict[str, Any]:
        """Return it as that person's own act, as intake takes acts."""
        act: dict[str, Any] = {
            "type": TYPES[self.act],
            "id": self.id,
            "time": self.at.isoformat().replace("+00:00", "Z"),
            "by": self.seal.person,
            "role": self.seal.role,
            **self.more,
        }
        if self.act is not Act.SNOOZE and self.act is not Act.ESCALATE:
            act["escalation_id"] = self.seal.escalation
        return act


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an act is not taken.

    Attributes:
        code: The word of `act.refused`, or of the problem that kept the act out.
        said: What is wrong and what to do, in intake's own words.
        missing: The fields that the policy asks for and the act lacks.
        allowed: What would be accepted instead: roles, people or sources.
    """

    code: str
    said: str
    missing: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


class Standing(StrEnum):
    """How an escalation stands towards somebody who answers."""

    OPEN = "open"
    UNKNOWN = "unknown"
    OVER = "over"
    TAKEN = "taken"
    YOURS = "yours"


@dataclass(frozen=True, slots=True)
class Stand:
    """An escalation as an answerer meets it: *by* has taken it, *reason* is why it is over."""

    standing: Standing
    by: str | None = None
    at: str | None = None
    reason: str | None = None


def stand(known: Known | None, seal: Seal, act: Act, roster: Roster) -> Stand:
    """Return whether *act* can still be given, and why not (H20: the second is told who was first)."""
    call: Called | None = None if known is None else known.calls.get(seal.escalation)
    if call is None:
        return Stand(Standing.UNKNOWN)
    if call.ended is not None:
        return Stand(Standing.OVER, reason=call.reason)
    if act is Act.ACKNOWLEDGE and call.acknowledged is not None:
        if call.by == seal.person:
            return Stand(Standing.YOURS, at=call.taken_at)
        return Stand(Standing.TAKEN, by=name_of(call.by, roster), at=call.taken_at)
    return Stand(Standing.OPEN)


def name_of(person: str | None, roster: Roster) -> str | None:
    """Return what *person* is called in the roster, or as the act names them."""
    contact = roster.contacts.get(person or "")
    return person if contact is None else contact.name


def by_address(roster: Roster, channel: str, address: str) -> Contact | None:
    """Return the person (no group) who has *address* on *channel*."""
    for contact in roster.contacts.values():
        if not contact.shared and contact.addresses.get(channel) == address:
            return contact
    return None


def role_of(
    roster: Roster,
    known: Known,
    called: Iterable[str],
    contacts: Sequence[str],
    *,
    target: str,
    at: datetime,
) -> str | None:
    """Return the role in which somebody answers who is one of *contacts*.

    Args:
        roster: Who holds which role.
        known: The ticket, for the roles that a fact fills.
        called: The roles called for the escalation, the latest first.
        contacts: The person, and then the groups in whose room they answer.
        target: What was escalated to, such as ``t2``.
        at: The instant of the answer.

    Returns:
        A role that was called, else one of the same tier or department, else any; None when the
        roster gives them none.
    """
    by_contact: dict[str, list[str]] = {key: [] for key in contacts}
    for role in roster.roles:
        seated = roster.seated(role, tier=known.tier or 1, facts=known.facts, at=at)
        if seated is not None and seated.key in by_contact:
            by_contact[seated.key].append(role)
    held = [role for roles in by_contact.values() for role in roles]
    # A queue is called, but its members answer in the role that they hold themselves.
    for role in called:
        if role in held and not role.endswith("_queue"):
            return role
    near = [one for one in held if one.startswith(f"{target}_") and not one.endswith("_queue")]
    return next(iter((*near, *held)), None)
