"""Who stands behind a role, and by which ways they are told.

The roster names roles and people; the policy names only roles. A notice therefore meets a
person here and nowhere else, and a role whose seat is empty is a fact the engine must hear of.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Self
from zoneinfo import ZoneInfo

from services.notifier.core.schedule import Duties

UTC = ZoneInfo("UTC")

MODES = ("page", "chat", "email", "digest")
"""How urgently a notice asks, in the words of the policy, most urgent first."""

CHANNELS = ("webhook", "voice", "sms", "email", "slack", "teams", "apprise", "console")
"""The ways out, in the order in which they stand in for one another (Ladders, channel_failed)."""

ACCOUNT_MANAGER = "account_manager"
"""The fact that the ticket's customer names; the other is its owner."""


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What the notifier knows of a ticket beside its decisions; each is None until told.

    *restricted* is whether a flag keeps the case out of open rooms now.
    """

    title: str | None = None
    url: str | None = None
    owner: str | None = None
    customer: str | None = None
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class WebhookWay:
    """A webhook: *url* is an address or a reference to one, *secret* always a reference."""

    url: str
    secret: str | None = None

    @property
    def fingerprint(self) -> str:
        """Return a short name of the address that does not give it away."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Contact:
    """A person, or a group that reads one mailbox, and every way to reach them.

    *addresses* are those on every other channel: a Slack member or channel, a telephone number,
    or a reference to an address that is a secret. *shared* ones are read by several people, who
    see no more of a restricted case than its number unless the group is *restricted* itself. *members*
    are the people of a group, where the roster lists them.
    """

    key: str
    name: str
    email: str | None = None
    webhook: WebhookWay | None = None
    console: bool = False
    addresses: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    language: str | None = None
    shared: bool = False
    restricted: bool = False
    modes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    aliases: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    def has(self, channel: str) -> bool:
        """Say whether this contact can be reached by *channel*."""
        match channel:
            case "email":
                return self.email is not None
            case "webhook":
                return self.webhook is not None
            case "console":
                return self.console
            case _:
                return channel in self.addresses

    def shown(self, channel: str) -> str:
        """Return the address used on *channel*, masked so that it may be kept and shown."""
        if channel == "email" and self.email is not None:
            local, _, domain = self.email.rpartition("@")
            return f"{local[:1]}***@{domain}"
        if channel == "webhook" and self.webhook is not None:
            return f"webhook of {self.key}"
        if channel in ("sms", "voice"):
            return f"{channel} …{self.addresses[channel][-2:]}"
        if channel in self.addresses:
            return f"{channel} of {self.key}"
        return channel


@dataclass(frozen=True, slots=True)
class Seat:
    """What fills a role: one contact, a schedule, a fact of the ticket, or nobody.

    The fact is asked first, then *schedule*, then *otherwise* (a role; ``{tier}`` in it stands
    for the tier of the case), then *contact*.
    """

    contact: str | None = None
    fact: str | None = None
    otherwise: str | None = None
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """A dedicated channel: where people speak, and who is there.

    *post* are the roles that write there; *members* the people and groups that are in it, None
    where the roster does not list them. *to* is the group by whose ways moves of cases on the topics
    that it *hears* of are posted; None where nothing is posted by itself.
    """

    chat: str | None = None
    email: str | None = None
    post: tuple[str, ...] = ()
    members: tuple[str, ...] | None = None
    to: str | None = None
    hears: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipts:
    """How whoever opens a ticket is told that it has come.

    *channel* is ``email``, to the requester's own address, or ``webhook``, to the contact *to*, a
    helpdesk that passes it on. *language* is that of the letter, None for the usual one.
    """

    channel: str
    to: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    """A roster as loaded: immutable, every reference in it resolved or refused before.

    *channels* are the ways out that this installation has; *zone* is where its days are read,
    *calendars* are the files and addresses from which it takes shifts and absences,
    *rooms* the dedicated channels where people speak, *receipts* how requesters get theirs, None where
    they get none. *account_managers* are contacts by the id of the customer whose they are.
    """

    name: str
    version: int
    contacts: Mapping[str, Contact]
    roles: Mapping[str, Seat]
    modes: Mapping[str, tuple[str, ...]]
    channels: tuple[str, ...] = CHANNELS
    duties: Duties = field(default_factory=Duties)
    zone: ZoneInfo = UTC
    calendars: tuple[str, ...] = ()
    rooms: Mapping[str, Room] = field(default_factory=lambda: MappingProxyType({}))
    receipts: Receipts | None = None
    account_managers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def through(self, channels: Iterable[str]) -> Self:
        """Return the roster of an installation that has only *channels*."""
        there = dict.fromkeys(channels)
        ordered = dict.fromkeys((*(one for one in CHANNELS if one in there), *there))
        return replace(self, channels=tuple(ordered))

    def seated(self, role: str, *, tier: int, facts: TicketFacts, at: datetime) -> Contact | None:
        """Return who holds *role* at the instant *at* on a ticket with these *facts*.

        None when nobody does.
        """
        seat = self.roles.get(role)
        if seat is None:
            return None
        if seat.fact is not None and (named := self._of(seat.fact, facts)) is not None:
            return named
        if seat.schedule is not None:
            on_duty = self.duties.person_at(seat.schedule, at)
            if on_duty is not None:
                return self.contacts[on_duty]
        if seat.otherwise is not None:
            other = seat.otherwise.replace("{tier}", str(tier))
            return self.seated(other, tier=tier, facts=facts, at=at)
        return self.contacts[seat.contact] if seat.contact is not None else None

    def ways(self, contact: Contact, mode: str) -> tuple[str, ...]:
        """Return the channels for a notice of *mode* to *contact*, the preferred one first.

        After those that the contact, or else the roster's defaults, gives to the mode come the
        contact's other channels: a notice whose channel fails goes out by another.
        """
        preferred = contact.modes.get(mode, self.modes.get(mode, ()))
        ordered = dict.fromkeys((*preferred, *self.channels))
        return tuple(one for one in ordered if one in self.channels and contact.has(one))

    def _of(self, fact: str, facts: TicketFacts) -> Contact | None:
        if fact != ACCOUNT_MANAGER:
            return self._named(facts.owner)
        theirs = self.account_managers.get(facts.customer or "")
        return None if theirs is None else self.contacts[theirs]

    def _named(self, name: str | None) -> Contact | None:
        if name is None:
            return None
        sought = name.strip().casefold()
        for contact in self.contacts.values():
            if sought in (contact.key.casefold(), contact.name.casefold(), *contact.aliases):
                return contact
        return None
