"""Some tickets with different fates, for tests of the tracker."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

from shared.contract.events import TicketEvent
from shared.contract.times import Instant, instant, parse_instant, rfc3339
from tests.support.ticket_events import acknowledged, opened, replied, status, updated, wrote
from tests.support.tracker_stream import Said, story

START = parse_instant("2026-03-02T10:00:00Z")


@cache
def many(tickets: int, *, until_s: int = 7200, notices: bool = True) -> tuple[Said, ...]:
    """Return the story of *tickets* tickets up to *until_s* seconds after `START`.

    No two events of one ticket are of one second, so that their order is never in doubt.
    """
    end = Instant(START + until_s)
    events = sorted(
        (event for n in range(tickets) for event in _fate(n) if instant(event.time) <= end),
        key=lambda event: event.time,
    )
    return tuple(story(events, end, notices=notices))


def _fate(n: int) -> Iterator[TicketEvent]:
    chance = random.Random(n)  # noqa: S311  a fate, not a secret
    ticket = f"T{n}"

    def at(after_s: int) -> str:
        return rfc3339(Instant(START + n + after_s))

    yield opened(
        at(0),
        ticket=ticket,
        title=f"Ticket {n}",
        severity=f"S{1 + n % 4}",
        affected_users=chance.choice([1, 5, 60]),
        owner=("olga", "paul", None)[n % 3],
        customer={"id": f"org{n % 5}", "plan": "premium", "region": "emea"},
    )
    if n % 2:
        yield replied(at(chance.randint(300, 900)), ticket=ticket)
    if n % 3 == 0:
        yield wrote(at(chance.randint(1000, 2000)), ticket=ticket)
    if n % 5 == 0:
        yield updated(at(2500), ticket=ticket, severity="S1")
        yield acknowledged(at(2600), ticket=ticket, role="t3_oncall")
    if n % 7 == 0:
        yield status(at(3000), "waiting_customer", ticket=ticket)
    if n % 11 == 1:
        yield status(at(3500), "waiting_vendor", ticket=ticket)
    if n % 4 == 0:
        yield status(at(4000), "resolved", ticket=ticket)
