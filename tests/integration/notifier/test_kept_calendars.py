"""Calendars at addresses over a restart: known while their server is away, gone when not named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from services.notifier.known_calendars import Fetched
from services.notifier.store_calendars import CalendarBook
from services.notifier.tables import SCHEMA
from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database
from tests.support.consuming import until
from tests.support.http_peer import Answer, Peer, http_peer, in_turn
from tests.support.notifier_desk import Desk

TURNS = """
schedules:
  tier2:
    layers:
      - {calendar: "env:TIER2_CALENDAR"}
"""
ALWAYS_BEN = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n"
    "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Ben Berg\r\n"
    "DTSTART:20200101T000000Z\r\nDTEND:20200102T000000Z\r\nRRULE:FREQ=DAILY\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
async def calendar(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    """Who is on call in tier 2, by a calendar whose address the roster does not show."""
    file = roster_of(desk)
    written = file.read_text(encoding="utf-8")
    file.write_text(
        written.replace("t2_oncall: ana", "t2_oncall: {schedule: tier2}") + TURNS, encoding="utf-8"
    )
    async with http_peer(in_turn(Answer(200, {}, ALWAYS_BEN.encode()))) as peer:
        monkeypatch.setenv("TIER2_CALENDAR", f"{peer.url}/as-good-as-a-password")
        yield peer


@pytest.fixture
async def book(desk: Desk) -> AsyncIterator[CalendarBook]:
    """What notifiers of the installation keep, without one."""
    database: Database = open_database(desk.ledger.url, schema=SCHEMA, clock=Clock())
    async with database:
        yield CalendarBook(database)


def roster_of(desk: Desk) -> Path:
    return Path(desk.environ()["NOTIFIER_ROSTER_FILE"])


async def on_call(notifier: httpx2.AsyncClient) -> str | None:
    answer = await notifier.get("/v1/oncall", params={"role": "t2_oncall"})
    person: str | None = answer.json()["on_call"][0]["person"]
    return person


async def notes(notifier: httpx2.AsyncClient) -> str:
    noted: dict[str, str] = (await notifier.get("/health/ready")).json().get("notes", {})
    return noted.get("calendars", "")


async def test_a_notifier_starts_with_what_a_calendar_last_said_and_says_how_old_that_is(
    desk: Desk, calendar: Peer, book: CalendarBook
) -> None:
    async with desk.notifier() as notifier:
        assert await on_call(notifier) == "ben"
        assert await notes(notifier) == ""
    kept = await book.load()
    assert {name: one.text for name, one in kept.items()} == {"env:TIER2_CALENDAR": ALWAYS_BEN}
    calendar.respond = in_turn(Answer(503))
    async with desk.notifier() as notifier:
        assert await on_call(notifier) == "ben"
        since = kept["env:TIER2_CALENDAR"].at
        assert await notes(notifier) == (
            "not fetched: env:TIER2_CALENDAR: it answers 503,"
            f" its text of {since:%Y-%m-%d %H:%M} UTC counts"
        )
    assert await book.load() == kept


async def test_a_notifier_that_never_had_a_calendar_says_that_nothing_is_known_of_it(
    desk: Desk, calendar: Peer
) -> None:
    calendar.respond = in_turn(Answer(503))
    async with desk.notifier() as notifier:
        assert await on_call(notifier) is None
        assert (await notes(notifier)).endswith("it answers 503, and nothing is known of it")


async def test_a_text_with_which_the_roster_cannot_be_used_does_not_replace_the_last_good_one(
    desk: Desk, calendar: Peer, book: CalendarBook
) -> None:
    async with desk.notifier():
        kept = await book.load()
    calendar.respond = in_turn(Answer(200, {}, b"no calendar"))
    async with desk.notifier() as notifier:
        assert "roster" in (await notifier.get("/health/ready")).json()["notes"]
        assert await on_call(notifier) == "ben"
    assert await book.load() == kept != {}


async def test_a_calendar_that_the_roster_names_no_more_is_not_kept(
    desk: Desk, calendar: Peer, book: CalendarBook
) -> None:
    async with desk.notifier():
        assert await book.load()
        file = roster_of(desk)
        without = file.read_text(encoding="utf-8").replace(
            '{calendar: "env:TIER2_CALENDAR"}',
            '{people: [ana], turn: weekly, start: 2026-03-02, handover: "09:00"}',
        )
        file.write_text(without, encoding="utf-8")

        async def is_forgotten() -> bool:
            return await book.load() == {}

        await until(is_forgotten)


async def test_what_a_roster_named_before_the_start_is_not_kept(
    desk: Desk, book: CalendarBook
) -> None:
    await book.save({"https://calendar.example.org/nights.ics": Fetched(ALWAYS_BEN, AT)})
    async with desk.notifier():
        assert await book.load() == {}


async def test_a_calendar_is_kept_whatever_characters_are_in_it(book: CalendarBook) -> None:
    odd = {"env:ODD": Fetched("BEGIN:VCALENDAR\r\nX-NOTE:\0\N{REPLACEMENT CHARACTER}é\r\n", AT)}
    await book.save(odd)
    assert await book.load() == odd


async def test_of_two_fetchings_the_later_is_kept(book: CalendarBook) -> None:
    later = {"env:NIGHTS": Fetched("later", AT)}
    await book.save(later)
    await book.save({"env:NIGHTS": Fetched("earlier", AT.replace(hour=9))})
    assert await book.load() == later
