"""Who holds which role at an instant, until when, and who comes then: for people who ask."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from services.notifier.core.roster import Roster, Seat, TicketFacts


@dataclass(frozen=True, slots=True)
class Duty:
    """A role at an instant.

    Attributes:
        role: The role of the policy.
        person: The key of who holds it in the roster; None when nobody does.
        name: Their name.
        schedule: The schedule by which they hold it; None for a fixed seat.
        since: When their shift began, as far back as is looked; None for a fixed seat.
        until: When it ends; None when nothing is known to change.
        then: Who comes next; None when nobody does.
        by_ticket: The fact of a ticket that names another person, where one does.
    """

    role: str
    person: str | None
    name: str | None
    schedule: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    then: str | None = None
    by_ticket: str | None = None


def duties(roster: Roster, at: datetime, roles: Collection[str] | None = None) -> list[Duty]:
    """Return who holds each of *roles* (all of the roster when None) at the instant *at*.

    A role that the roster does not know is held by nobody. Where a role depends on the tier of
    the case, that of tier 1 is told.
    """
    asked = roster.roles if roles is None else roles
    return [_duty(roster, role, at) for role in asked]


def _duty(roster: Roster, role: str, at: datetime) -> Duty:
    seat = roster.roles.get(role, Seat())
    contact = roster.seated(role, tier=1, facts=TicketFacts(), at=at)
    person = None if contact is None else contact.key
    name = None if contact is None else contact.name
    if seat.schedule is None:
        return Duty(role, person, name, by_ticket=seat.fact)
    turn = roster.duties.on_call(seat.schedule, at)
    return Duty(
        role,
        person,
        name,
        schedule=seat.schedule,
        since=turn.now.span.start,
        until=None if turn.then is None else turn.then.span.start,
        then=None if turn.then is None else turn.then.person,
        by_ticket=seat.fact,
    )
