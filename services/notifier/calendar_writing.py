"""Shifts as an iCalendar file, for any calendar tool to subscribe to."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal
from uuid import uuid5

import icalendar

from services.notifier.core.roster import Roster
from services.notifier.core.schedule import Shift, Span
from shared.contract.ids import NAMESPACE

Kind = Literal["schedule", "person"]
"""What a feed shows: everybody's shifts of a schedule, or all shifts of a person."""

TOKEN_LENGTH: Final = 32


class NoFeedError(LookupError):
    """No schedule or person of the roster has this name."""


def feed(roster: Roster, kind: Kind, name: str, span: Span) -> bytes:
    """Return the shifts of one schedule, or of one person over all of them, in *span*.

    Ids follow from schedule and beginning, so that a shift that changes hands changes in the
    calendar instead of standing in it twice.

    Raises:
        NoFeedError: The roster has no schedule, or no person or group, of that name.
    """
    known: Mapping[str, object] = roster.duties.schedules if kind == "schedule" else roster.contacts
    if name not in known:
        msg = f"the roster has no {kind} called {name!r}"
        raise NoFeedError(msg)
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Tierline//Roster//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"On call: {name}")
    for schedule, shift in _shown(roster, kind, name, span):
        calendar.add_component(_event(roster, schedule, shift))
    written: bytes = calendar.to_ical()
    return written


def _shown(roster: Roster, kind: Kind, name: str, span: Span) -> Iterator[tuple[str, Shift]]:
    for schedule in roster.duties.schedules:
        if kind == "schedule" and schedule != name:
            continue
        for shift in roster.duties.shifts(schedule, span):
            if shift.person is not None and (kind == "schedule" or shift.person == name):
                yield schedule, shift


def _event(roster: Roster, schedule: str, shift: Shift) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", str(uuid5(NAMESPACE, f"shift|{schedule}|{shift.span.start.isoformat()}")))
    event.add("summary", roster.contacts[shift.person or ""].name)
    event.add("description", f"On call: {schedule} ({', '.join(_roles(roster, schedule))})")
    event.add("dtstamp", shift.span.start)
    event.add("dtstart", shift.span.start)
    event.add("dtend", shift.span.end)
    return event


def _roles(roster: Roster, schedule: str) -> Sequence[str]:
    return [role for role, seat in roster.roles.items() if seat.schedule == schedule]


def feed_token(secret: str, kind: Kind, name: str) -> str:
    """Return what stands in the address of a feed in place of a password.

    It follows from the installation's *secret*: another secret makes all addresses anew.
    """
    return hmac.new(secret.encode(), f"{kind}/{name}".encode(), hashlib.sha256).hexdigest()[
        :TOKEN_LENGTH
    ]
