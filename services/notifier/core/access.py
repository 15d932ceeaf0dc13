"""Who should be in which room, and is not: the dedicated channels held against the roster.

A room whose members are not those who are called in it is found out about in the worst minute; so
this is looked at every day (Channels and access).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.notifier.core.roster import Roster
from shared.policy.document import Policy
from shared.policy.roles import CHANNEL_WORDS, expanded

Members = Mapping[str, frozenset[str]]
"""Who is in each channel, by keys of the roster, as whoever runs the rooms says."""


@dataclass(frozen=True, slots=True)
class Missing:
    """*person* may be called as one of *roles*, all of which post in *channel*, and is not in it."""

    channel: str
    person: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Surplus:
    """*person* is in *channel*, though no role of theirs posts there."""

    channel: str
    person: str


@dataclass(frozen=True, slots=True)
class Access:
    """What a look at the channels found.

    Attributes:
        missing: Who should be in a channel and is not.
        surplus: Who is in a restricted place without a role there, or elsewhere for no reason.
        unheld: Channel and role: a role that posts there and that nobody can hold.
        unlisted: Channels whose members nobody has told.
    """

    missing: tuple[Missing, ...]
    surplus: tuple[Surplus, ...]
    unheld: tuple[tuple[str, str], ...]
    unlisted: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether everybody is where they should be."""
        return not (self.missing or self.unheld or self.unlisted)


def access(roster: Roster, members: Members) -> Access:
    """Return who is missing in the channels of *roster*, whose real members are *members*."""
    missing: list[Missing] = []
    surplus: list[Surplus] = []
    unheld: list[tuple[str, str]] = []
    for name, channel in roster.rooms.items():
        roles_of: dict[str, list[str]] = {}
        for role in channel.post:
            held = tuple(dict.fromkeys(holders(roster, role)))
            if not held:
                unheld.append((name, role))
            for person in held:
                roles_of.setdefault(person, []).append(role)
        inside = frozenset(_people(roster, members.get(name, frozenset())))
        missing += [
            Missing(name, person, tuple(roles))
            for person, roles in roles_of.items()
            if person not in inside
        ]
        surplus += [Surplus(name, person) for person in sorted(inside - roles_of.keys())]
    unlisted = tuple(name for name in roster.rooms if name not in members)
    return Access(tuple(missing), tuple(surplus), tuple(unheld), unlisted)


def holders(roster: Roster, role: str) -> Iterator[str]:
    """Give everybody who may come to hold *role*, perhaps more than once.

    A group is given as its members, where they are listed. Whoever stands in for somebody of the
    role's schedule may come to hold it too.
    """
    seat = roster.roles.get(role)
    if seat is None:
        return
    if seat.contact is not None:
        yield from _people(roster, [seat.contact])
    if seat.schedule is not None:
        turns = tuple(roster.duties.schedules[seat.schedule].people())
        yield from _people(roster, turns)
        yield from _people(roster, _standing_in(roster, turns))
    if seat.otherwise is not None:
        for tier in (1, 2, 3):
            yield from holders(roster, seat.otherwise.replace("{tier}", str(tier)))


def _standing_in(roster: Roster, away: Collection[str]) -> Iterator[str]:
    for one in roster.duties.absences:
        if one.substitute is not None and one.person in away:
            yield one.substitute


def _people(roster: Roster, keys: Iterable[str]) -> Iterator[str]:
    for key in keys:
        contact = roster.contacts.get(key)
        yield from contact.members if contact is not None and contact.members else (key,)


def posting_roles(policy: Policy) -> dict[str, tuple[str, ...]]:
    """Return which roles post in each channel of *policy*, words for cases left out."""
    channels = policy.file.channels
    found = {}
    for name in type(channels).model_fields:
        post = getattr(getattr(channels, name), "post", None)
        if post is not None:
            roles = expanded([str(one) for one in post], ())
            found[name] = tuple(one for one in roles if one not in CHANNEL_WORDS)
    return found
