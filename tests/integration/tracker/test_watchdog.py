"""The second opinion: silent while all is well, and loud within seconds of what did not happen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic_core import from_json

from services.tracker.core.watchdog import Alarm, Kind, Said, Watched, alarms, hear
from services.tracker.store_reading import ReadModel
from services.tracker.watchdog import Watchdog
from shared.contract.times import parse_instant
from shared.contract.topics import DELIVERIES, TICKET_EVENTS, TIER_CHANGES
from shared.runtime.clock import Clock
from tests.support.ticket_events import opened
from tests.support.tracker_service import TOPICS, Tracker, tracker_here
from tests.support.tracker_stories import START, many
from tests.support.tracker_stream import Said as Record
from tests.support.tracker_stream import story

NAMES = {TICKET_EVENTS: "event", TIER_CHANGES: "decision", DELIVERIES: "delivery"}
GRACE_S = 5.0
BEGIN = datetime.fromtimestamp(START, UTC)


def said(record: Record) -> Said:
    plain = from_json(record.value)
    at = datetime.fromisoformat(plain["time"])
    return Said(NAMES[record.topic], plain["type"], plain["id"], at, at, plain["data"])


def watched_over(records: list[Record], *, every_s: int, until_s: int) -> set[Alarm]:
    """Return every alarm of a watchdog that hears *records* in their time and looks often."""
    order = list(NAMES.values())
    messages = sorted(
        ((said(one), one.ticket) for one in records),
        key=lambda one: (one[0].at, order.index(one[0].topic)),
    )
    tickets: dict[str, Watched] = {}
    found: set[Alarm] = set()
    n = 0
    for second in range(0, until_s, every_s):
        now = BEGIN + timedelta(seconds=second)
        while n < len(messages) and messages[n][0].at <= now:
            one, ticket = messages[n]
            hear(tickets.setdefault(ticket, Watched(ticket)), one)
            n += 1
        for one_ticket in tickets.values():
            found |= set(alarms(one_ticket, now, GRACE_S))
    return found


RECORDS = list(many(20, until_s=4 * 3600))


def test_while_all_is_well_it_is_silent() -> None:
    assert watched_over(RECORDS, every_s=60, until_s=4 * 3600) == set()


def test_every_dropped_timer_is_seen() -> None:
    breaches = [one for one in RECORDS if said(one).type == "timer.breached"]
    assert len(breaches) > 5
    kept = [one for one in RECORDS if one not in breaches]
    found = watched_over(kept, every_s=10, until_s=4 * 3600)
    dropped = {(one.ticket, one.what) for one in found if one.kind is Kind.DROPPED_TIMER}
    wanted = {(one.ticket, said(one).data["timer"]) for one in breaches}
    assert dropped == wanted


def test_a_decision_of_which_nobody_was_told_is_seen() -> None:
    lost = next(one for one in RECORDS if one.topic == DELIVERIES)
    decision = said(lost).data["decision_id"]
    kept = [
        one
        for one in RECORDS
        if one.topic != DELIVERIES or said(one).data["decision_id"] != decision
    ]
    (alarm,) = watched_over(kept, every_s=10, until_s=3600)
    assert (alarm.kind, alarm.ticket) == (Kind.UNTOLD, lost.ticket)


@pytest.mark.parametrize("first", [0, 1])
def test_a_notice_that_is_known_before_its_decision_is_no_gap(first: int) -> None:
    decision = next(one for one in RECORDS if said(one).type == "escalation.raised")
    notice = next(
        one
        for one in RECORDS
        if one.topic == DELIVERIES and said(one).data["decision_id"] == said(decision).id
    )
    watched = Watched(decision.ticket)
    for one in (decision, notice) if first else (notice, decision):
        hear(watched, said(one))
    assert [one.kind for one in alarms(watched, BEGIN + timedelta(days=9), GRACE_S)] in (
        [],
        [Kind.DROPPED_TIMER],
    )


@pytest.fixture
async def later(database: str) -> AsyncIterator[Tracker]:
    """A tracker whose clock stands a day after the story's beginning."""
    clock = Clock.starting(BEGIN + timedelta(days=1), speed=1e-6)
    async with tracker_here(database, clock) as here:
        yield here


async def test_what_has_not_happened_is_on_the_board_in_the_api_and_in_the_metrics(
    later: Tracker,
) -> None:
    told = story([opened("2026-03-02T10:00:00Z")], parse_instant("2026-03-02T10:01:00Z"))
    await later.take([one for one in told if one.topic != DELIVERIES])
    await later.take([story([opened("2026-03-02T10:00:00Z", ticket="B")])[0]])
    seen = await later.get("/v1/alarms")
    kinds = {(one["kind"], one["ticket"]) for one in seen["alarms"]}
    assert ("dropped_timer", "desk:A") in kinds
    # The clock stands, so what became known just now has no age; the rest is as old as it says.
    assert seen["watched"] == 2
    board = (await later.client.get("/")).text
    assert "Has not happened" in board
    assert "was due and nothing came of it" in board
    metrics = (await later.client.get("/metrics")).text
    assert 'tierline_watchdog_alarms{kind="dropped_timer"}' in metrics


async def test_it_reads_on_and_falls_silent_once_it_has_happened(later: Tracker) -> None:
    told = story([opened("2026-03-02T10:00:00Z")], parse_instant("2026-03-03T10:00:00Z"))
    early = [one for one in told if said(one).at <= datetime(2026, 3, 2, 10, 1, tzinfo=UTC)]
    rest = [one for one in told if one not in early]
    watchdog = Watchdog(ReadModel(later.database, TOPICS, 1.0), grace_s=8.0)
    assert (await watchdog.look()).alarms == []
    await later.take(early)
    assert {one.kind for one in (await watchdog.look()).alarms} == {"dropped_timer"}
    await later.take(rest)
    assert (await watchdog.look()).by_kind == {
        "dropped_timer": 0,
        "undecided": 0,
        "untold": 0,
        "stuck": 0,
    }
    # One that begins only now comes to the same.
    anew = Watchdog(ReadModel(later.database, TOPICS, 1.0), grace_s=8.0)
    assert (await anew.look()).alarms == []
