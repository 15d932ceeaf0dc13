"""Calendars into shifts and absences, and shifts into calendars."""

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from cli.roster import app
from services.notifier.calendar_fetching import fetch
from services.notifier.calendar_reading import CalendarError, entries
from services.notifier.calendar_writing import NoFeedError, feed, feed_token
from services.notifier.channels.egress import Egress, parse_allowance
from services.notifier.core.schedule import Span
from services.notifier.roster_file import Calendars, Finding, RosterError, load_roster
from shared.runtime.secret import resolve
from tests.support.http_peer import Answer, http_peer, in_turn

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 3, 2, tzinfo=UTC)

ROSTER = """\
roster: {name: test, version: 1, zone: Europe/Vienna}
modes: {page: [email]}
people:
  ana: {name: Ana Abel, email: ana@example.org}
  ben: {name: Ben Berg, email: ben@example.org}
roles:
  t2_oncall: {schedule: tier2}
schedules:
  tier2:
    layers:
      - {people: [ben], turn: weekly, start: 2026-01-05, handover: "00:00"}
      - {calendar: tier2.ics}
absence_calendars: [away.ics]
"""


def ics(*events: str) -> str:
    wrapped = "".join(f"BEGIN:VEVENT\nUID:{n}\n{one}\nEND:VEVENT\n" for n, one in enumerate(events))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{wrapped}END:VCALENDAR\n".replace(
        "\n", "\r\n"
    )


WEEKLY = ics(
    "SUMMARY:Ana Abel\nDTSTART;TZID=Europe/Vienna:20260302T090000\n"
    "DTEND;TZID=Europe/Vienna:20260302T170000\nRRULE:FREQ=WEEKLY;COUNT=6\n"
    "EXDATE;TZID=Europe/Vienna:20260316T090000"
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_repeated_event_keeps_its_local_clock_over_a_change_and_leaves_out_what_is_excepted() -> (
    None
):
    starts = [one.span.start for one in entries(WEEKLY, VIENNA, NOW)]
    assert starts == [
        utc(f"2026-{day}:00:00")
        for day in ("03-02T08", "03-09T08", "03-23T08", "03-30T07", "04-06T07")
    ]


@pytest.mark.parametrize(
    ("event", "start", "end"),
    [
        ("DTSTART;VALUE=DATE:20260302\nDTEND;VALUE=DATE:20260304", "03-01T23:00", "03-03T23:00"),
        ("DTSTART;VALUE=DATE:20260302", "03-01T23:00", "03-02T23:00"),
        ("DTSTART:20260302T090000\nDURATION:PT8H", "03-02T08:00", "03-02T16:00"),
        ("DTSTART:20260302T090000Z\nDTEND:20260302T100000Z", "03-02T09:00", "03-02T10:00"),
        (
            "DTSTART;TZID=America/New_York:20260302T090000\n"
            "DTEND;TZID=America/New_York:20260302T100000",
            "03-02T14:00",
            "03-02T15:00",
        ),
    ],
    ids=["all days", "one day", "floating", "utc", "another zone"],
)
def test_days_and_floating_times_are_read_in_the_zone_of_the_schedule(
    event: str, start: str, end: str
) -> None:
    (found,) = entries(ics(f"SUMMARY:Ana\n{event}"), VIENNA, NOW)
    assert found.span == Span(utc(f"2026-{start}:00"), utc(f"2026-{end}:00"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("hello", "no calendar that can be read"),
        (ics("SUMMARY:x\nDTSTART:20260302T090000Z\nRRULE:FREQ=SECONDLY"), "more often than daily"),
        ("x" * (1 << 20) + "y", "larger than"),
    ],
)
def test_what_is_no_rotation_is_refused_in_words(text: str, what: str) -> None:
    with pytest.raises(CalendarError, match=what):
        entries(text, VIENNA, NOW)


def in_folder(folder: Path, shifts: str, away: str = "") -> Calendars:
    (folder / "tier2.ics").write_text(shifts, encoding="utf-8")
    (folder / "away.ics").write_text(away or ics(), encoding="utf-8")
    return Calendars(NOW, folder)


def test_a_layer_takes_its_shifts_from_a_calendar_and_absences_hold_there_too(
    tmp_path: Path,
) -> None:
    away = ics(
        "SUMMARY:Ana Abel: at the sea\nDTSTART;VALUE=DATE:20260309",
        "SUMMARY:Zoe\nDTSTART;VALUE=DATE:20260309",
    )
    duties = load_roster(ROSTER, calendars=in_folder(tmp_path, WEEKLY, away)).duties
    asked = {
        at: duties.person_at("tier2", utc(f"2026-03-{at}:00:00"))
        for at in ("02T08", "02T17", "09T10")
    }
    assert asked == {"02T08": "ana", "02T17": "ben", "09T10": "ben"}


def test_somebody_unknown_in_a_rotation_is_a_finding_at_its_line(tmp_path: Path) -> None:
    shifts = WEEKLY.replace("Ana Abel", "Eva")
    with pytest.raises(RosterError) as caught:
        load_roster(ROSTER, calendars=in_folder(tmp_path, shifts))
    (found,) = caught.value.findings
    assert (found.line, found.key) == (12, "schedules.tier2.layers.1.calendar")
    assert "books 'Eva' on 2026-03-02" in found.what


def test_a_missing_calendar_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(RosterError) as caught:
        load_roster(ROSTER, calendars=Calendars(NOW, tmp_path))
    assert caught.value.findings[0].key == "schedules.tier2.layers.1.calendar"
    assert isinstance(caught.value.findings[0], Finding)


def test_what_is_written_reads_back_as_the_same_shifts(tmp_path: Path) -> None:
    roster = load_roster(ROSTER, calendars=in_folder(tmp_path, WEEKLY))
    span = Span(NOW, NOW + timedelta(days=28))
    text = feed(roster, "schedule", "tier2", span).decode()
    back = entries(text, VIENNA, NOW)
    shifts = roster.duties.shifts("tier2", span)
    assert [one.span for one in back] == [one.span for one in shifts]
    assert [one.summary for one in back] == [
        roster.contacts[one.person or ""].name for one in shifts
    ]
    mine = icalendar.Calendar.from_ical(feed(roster, "person", "ana", span).decode())
    assert {str(one["SUMMARY"]) for one in mine.walk("VEVENT")} == {"Ana Abel"}
    with pytest.raises(NoFeedError, match="no person called 'eva'"):
        feed(roster, "person", "eva", span)


async def test_a_calendar_is_fetched_only_where_webhooks_may_go() -> None:
    async with http_peer(in_turn(Answer(200, {}, WEEKLY.encode()))) as peer:
        texts, failures = await fetch([peer.url], Egress(), SecretStr)
        assert (texts, len(failures)) == ({}, 1)
        assert peer.got == []
        allowed = Egress((parse_allowance("http://127.0.0.1/32"),))
        texts, failures = await fetch([peer.url], allowed, SecretStr)
    assert (texts, failures) == ({peer.url: WEEKLY}, {})


async def test_a_calendar_whose_address_is_a_secret_is_named_by_a_reference() -> None:
    allowed = Egress((parse_allowance("http://127.0.0.1/32"),))
    async with http_peer(in_turn(Answer(200, {}, WEEKLY.encode()))) as peer:
        secrets = partial(resolve, environ={"NIGHTS": f"{peer.url}/as-good-as-a-password"})
        texts, failures = await fetch(["env:NIGHTS", "env:NOWHERE"], allowed, secrets)
    assert [one.path for one in peer.got] == ["/as-good-as-a-password"]
    assert texts == {"env:NIGHTS": WEEKLY}
    assert failures.keys() == {"env:NOWHERE"}
    assert "nothing is found at 'env:NOWHERE'" in failures["env:NOWHERE"]


async def test_a_reference_opens_no_address_that_is_closed_otherwise() -> None:
    async with http_peer(in_turn(Answer(200, {}, WEEKLY.encode()))) as peer:
        secrets = partial(resolve, environ={"NIGHTS": f"{peer.url}/as-good-as-a-password"})
        texts, failures = await fetch(["env:NIGHTS"], Egress(), secrets)
    assert (texts, peer.got) == ({}, [])
    assert "password" not in failures["env:NIGHTS"]


def test_a_roster_may_name_a_calendar_by_a_reference() -> None:
    named = ROSTER.replace("tier2.ics", '"env:NIGHTS"').replace("away.ics", '"env:AWAY"')
    fetched = load_roster(named, calendars=Calendars(NOW, fetched={"env:NIGHTS": WEEKLY}))
    assert set(fetched.calendars) == {"env:NIGHTS", "env:AWAY"}
    span = Span(NOW, NOW + timedelta(days=14))
    assert fetched.duties.shifts("tier2", span)


def test_feeds_have_addresses_that_follow_from_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_folder(tmp_path, WEEKLY)
    file = tmp_path / "roster.yaml"
    file.write_text(ROSTER, encoding="utf-8")
    monkeypatch.setenv("NOTIFIER_CALENDAR_SECRET", "a secret for this test only")
    shown = CliRunner().invoke(app, ["feeds", str(file)])
    token = feed_token("a secret for this test only", "schedule", "tier2")
    assert f"/v1/calendars/{token}/schedule/tier2.ics" in shown.output
    assert "person ana: " in shown.output
    monkeypatch.delenv("NOTIFIER_CALENDAR_SECRET")
    assert "NOTIFIER_CALENDAR_SECRET" not in os.environ
    assert CliRunner().invoke(app, ["feeds", str(file)]).exit_code == 2
    printed = CliRunner().invoke(app, ["ics", str(file), "--schedule", "tier2"])
    assert printed.output.startswith("BEGIN:VCALENDAR")
