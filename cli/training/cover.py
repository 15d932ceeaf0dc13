"""How a whole team stands on its certificates: who holds which, and what share of all is valid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from cli.training.certificates import Certificate, certificate
from cli.training.records import Record
from cli.training.shape import TrainingPath
from services.notifier.core.roster import Roster

_OF_A_QUEUE: Final = frozenset({"t1_agent", "t2_specialist", "t3_responder"})
"""Roles that a roster gives to a group; who is in it the records say."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody on one path that their roles ask for."""

    person: str
    certificate: Certificate

    @property
    def valid(self) -> bool:
        """Whether the certificate holds, be it soon to be renewed."""
        return self.certificate.state in ("valid", "renew")


def team(roster: Roster, records: Sequence[Record]) -> dict[str, set[str]]:
    """Return everybody with their roles: people of *roster*, and of *records*."""
    found: dict[str, set[str]] = {}
    groups = {roster.roles[role].contact for role in _OF_A_QUEUE if role in roster.roles}
    for role, seat in roster.roles.items():
        if seat.contact is not None and seat.contact not in groups:
            found.setdefault(roster.contacts[seat.contact].name, set()).add(role)
    for one in records:
        found.setdefault(one.person, set()).update(one.roles)
    return found


def seats(
    paths: Mapping[str, TrainingPath],
    people: Mapping[str, set[str]],
    records: Sequence[Record],
    today: date,
) -> list[Seat]:
    """Return how each of *people* stands on *today* on every path that their roles ask for."""
    found = []
    for name, roles in people.items():
        own = [one for one in records if one.person == name]
        found += [
            Seat(name, certificate(letter, path, own, today))
            for letter, path in paths.items()
            if path.is_for(roles)
        ]
    return found
