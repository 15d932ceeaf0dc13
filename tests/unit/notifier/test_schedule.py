"""Who is on call when."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.duty import duties
from services.notifier.core.roster import Roster, Seat
from services.notifier.core.schedule import (
    Absence,
    Booked,
    Duties,
    Override,
    Rotation,
    Schedule,
    Span,
    on_call,
    person_at,
    shifts,
)
from tests.unit.notifier.builders import a_roster

VIENNA = ZoneInfo("Europe/Vienna")
NINE = 9 * 3600


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def weekly(*people: str, **given: object) -> Rotation:
    usual = {"zone": VIENNA, "start": date(2026, 3, 2), "handover": NINE, "days": 7}
    return Rotation(people=people, **{**usual, **given})  # type: ignore[arg-type]


def a_schedule(*layers: Rotation | Booked, overrides: tuple[Override, ...] = ()) -> Schedule:
    return Schedule("s", layers, overrides)


@pytest.mark.parametrize(
    ("at", "person"),
    [
        ("2026-03-02T07:59:59", None),
        ("2026-03-02T08:00:00", "ana"),
        ("2026-03-09T07:59:59", "ana"),
        ("2026-03-09T08:00:00", "ben"),
        # Clocks go forward on 29 March: 9 o'clock in Vienna is an hour earlier in UTC.
        ("2026-03-30T06:59:59", "ben"),
        ("2026-03-30T07:00:00", "ana"),
        # And back on 25 October.
        ("2026-10-26T07:59:59", "ben"),
        ("2026-10-26T08:00:00", "ana"),
    ],
)
def test_a_week_changes_hands_at_nine_by_the_local_clock(at: str, person: str | None) -> None:
    assert person_at(a_schedule(weekly("ana", "ben")), utc(at)) == person


def test_a_turn_over_a_clock_change_is_an_hour_shorter_or_longer() -> None:
    daily = a_schedule(weekly("ana", "ben", days=1, start=date(2026, 1, 1)))
    for day, hours in ((date(2026, 3, 28), 23), (date(2026, 10, 24), 25), (date(2026, 6, 1), 24)):
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        span = on_call(daily, noon).now.span
        assert span.end - span.start == timedelta(hours=hours)


def test_a_hand_over_at_a_reading_that_a_change_skips_moves_forward_by_the_gap() -> None:
    gap = a_schedule(weekly("ana", "ben", days=1, start=date(2026, 3, 28), handover=9000))
    assert on_call(gap, utc("2026-03-29T12:00:00")).now.span.start == utc("2026-03-29T01:30:00")


def test_half_days_hand_over_twice_a_day() -> None:
    halves = a_schedule(weekly("ana", "ben", "cleo", days=0, hours=12))
    found = shifts(halves, Span(utc("2026-03-02T08:00:00"), utc("2026-03-04T08:00:00")))
    assert [one.person for one in found] == ["ana", "ben", "cleo", "ana"]


def test_the_sun_is_followed_by_layers_that_apply_to_a_part_of_the_day() -> None:
    every = range(7)
    offices = [
        weekly(who, zone=ZoneInfo(zone), windows=dict.fromkeys(every, ((NINE, NINE + 8 * 3600),)))
        for who, zone in (
            ("tokyo", "Asia/Tokyo"),
            ("vienna", "Europe/Vienna"),
            ("boston", "America/New_York"),
        )
    ]
    sun = a_schedule(*offices)
    asked = [person_at(sun, utc(f"2026-03-03T{hour}:30:00")) for hour in ("02", "10", "18", "23")]
    assert asked == ["tokyo", "vienna", "boston", None]


def test_a_night_runs_into_the_next_morning_and_falls_through_by_day() -> None:
    nights = dict.fromkeys(range(5), ((18 * 3600, 32 * 3600),))
    schedule = a_schedule(weekly("ana"), weekly("owl", windows=nights))
    asked = [
        person_at(schedule, utc(at))
        for at in ("2026-03-06T16:59:59", "2026-03-06T17:00:00", "2026-03-07T06:59:59")
    ]
    assert asked == ["ana", "owl", "owl"]
    # Friday's window is the last: on Saturday evening the layer below counts.
    assert person_at(schedule, utc("2026-03-07T20:00:00")) == "ana"


def test_an_override_stands_above_all_layers() -> None:
    swap = Override("cleo", Span(utc("2026-03-03T00:00:00"), utc("2026-03-04T00:00:00")))
    schedule = a_schedule(weekly("ana"), overrides=(swap,))
    found = shifts(schedule, Span(utc("2026-03-02T12:00:00"), utc("2026-03-05T00:00:00")))
    assert [one.person for one in found] == ["ana", "cleo", "ana"]


def test_whoever_is_away_is_stood_in_for_or_the_layer_below_counts_or_there_is_a_hole() -> None:
    away = Span(utc("2026-03-03T00:00:00"), utc("2026-03-04T00:00:00"))
    at = utc("2026-03-03T12:00:00")
    alone, two = a_schedule(weekly("ana")), a_schedule(weekly("ben"), weekly("ana"))
    assert person_at(alone, at, [Absence("ana", away, "cleo")]) == "cleo"
    assert person_at(two, at, [Absence("ana", away)]) == "ben"
    assert person_at(alone, at, [Absence("ana", away)]) is None
    both = [Absence("ana", away, "cleo"), Absence("cleo", away, "ana")]
    assert person_at(alone, at, both) is None


def test_of_two_bookings_at_a_time_the_later_begun_counts() -> None:
    day = Span(utc("2026-03-03T00:00:00"), utc("2026-03-04T00:00:00"))
    noon = Span(utc("2026-03-03T12:00:00"), utc("2026-03-03T13:00:00"))
    schedule = a_schedule(Booked((("ana", day), ("ben", noon))))
    assert person_at(schedule, noon.start) == "ben"
    assert person_at(schedule, noon.end) == "ana"


@given(
    hours=st.integers(0, 24 * 400),
    length=st.sampled_from([(1, 0), (7, 0), (3, 0), (14, 0), (0, 12), (0, 8), (0, 1)]),
    zone=st.sampled_from(["Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    handover=st.integers(0, 86_399),
    windows=st.sampled_from([None, {6: ((0, 86_400),)}, {0: ((64_800, 115_200),)}]),
)
def test_shifts_fill_every_span_without_gap_and_say_what_is_true_at_each_instant(
    hours: int,
    length: tuple[int, int],
    zone: str,
    handover: int,
    windows: dict[int, tuple[tuple[int, int], ...]] | None,
) -> None:
    days, turn_hours = length
    layer = Rotation(
        ("ana", "ben", "cleo"),
        ZoneInfo(zone),
        date(2026, 1, 15),
        handover,
        days=days,
        hours=turn_hours,
        windows=windows,
    )
    schedule = a_schedule(layer)
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    span = Span(start, start + timedelta(days=9))
    found = shifts(schedule, span)
    assert found[0].span.start == span.start
    assert found[-1].span.end == span.end
    for before, after in pairwise(found):
        assert before.span.end == after.span.start
        assert before.person != after.person
    for one in found:
        middle = one.span.start + (one.span.end - one.span.start) / 2
        last = one.span.end - timedelta(seconds=1)
        assert {person_at(schedule, at) for at in (one.span.start, middle, last)} == {one.person}


def test_duties_tell_who_holds_a_role_until_when_and_who_comes_then() -> None:
    roster = Roster(
        name="test",
        version=1,
        contacts=a_roster().contacts,
        roles={"t2_oncall": Seat(schedule="s"), "t2_lead": Seat("ana"), "t2_backup": Seat()},
        modes={},
        duties=Duties({"s": a_schedule(weekly("ana", "ben"))}),
    )
    at = utc("2026-03-03T12:00:00")
    oncall, lead, backup = duties(roster, at)
    assert (oncall.person, oncall.until, oncall.then) == ("ana", utc("2026-03-09T08:00:00"), "ben")
    assert (lead.person, lead.until) == ("ana", None)
    assert backup.person is None
    assert [one.person for one in duties(roster, at, ["nobody_knows"])] == [None]
