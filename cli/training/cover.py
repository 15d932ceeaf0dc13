"""How a whole team stands on its certificates: who holds which, and what share of all is valid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cli.training.certificates import Certificate, certificate
from cli.training.records import Record
from cli.training.shape import TrainingPath
from services.notifier.core.access import holders
from services.notifier.core.roster import Roster


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
    """Return everybody with their roles: people of *roster*, and of *records*.

    Whoever takes turns in a role has it, on duty just now or not. Who is in a group the roster says
    where it lists members, and the records otherwise.
    """
    found: dict[str, set[str]] = {}
    for role in roster.roles:
        for contact in map(roster.contacts.__getitem__, holders(roster, role)):
            if not contact.shared:
                found.setdefault(contact.name, set()).add(role)
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
