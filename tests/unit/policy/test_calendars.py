"""Business time: exact, monotone, additive, and right over clock changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.contract.times import Instant, Seconds, parse_instant, rfc3339
from shared.policy.calendars import BusinessCalendar, Calendar, ContinuousCalendar
from shared.policy.document import Policy
from shared.policy.notation import parse_windows

HOUR = 3600
OFFICE = dict.fromkeys(range(5), parse_windows("09:00-17:00"))
NIGHTS = dict.fromkeys(range(7), parse_windows("00:30-02:30, 02:45-06:00, 22:00-24:00"))
HOLIDAY = date(2026, 10, 26)
CLOSED = {HOLIDAY: "National Day", date(2026, 1, 1): "New Year's Day"}
CALENDARS: Mapping[str, Calendar] = {
    "vienna": BusinessCalendar("vienna", ZoneInfo("Europe/Vienna"), OFFICE, CLOSED),
    "new-york": BusinessCalendar("new-york", ZoneInfo("America/New_York"), OFFICE, CLOSED),
    # Its windows begin and end inside the hour that comes twice or never.
    "nights": BusinessCalendar("nights", ZoneInfo("Europe/Vienna"), NIGHTS, {}),
    "new-york-nights": BusinessCalendar("n", ZoneInfo("America/New_York"), NIGHTS, {}),
    # Its clocks change by half an hour.
    "lord-howe": BusinessCalendar("lord-howe", ZoneInfo("Australia/Lord_Howe"), NIGHTS, {}),
    "always": ContinuousCalendar("always"),
}
SUNDAYS = BusinessCalendar(
    "sundays", ZoneInfo("Europe/Vienna"), {6: parse_windows("02:00-03:00")}, {}
)


calendars = st.sampled_from(sorted(CALENDARS)).map(CALENDARS.__getitem__)
FIRST, LAST = parse_instant("2024-12-28T00:00:00Z"), parse_instant("2027-01-05T00:00:00Z")
CHANGES = [
    parse_instant(text)
    for text in (
        "2026-03-29T01:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-03-08T07:00:00Z",
        "2026-11-01T06:00:00Z",
        "2026-04-04T15:00:00Z",
        "2025-12-31T23:00:00Z",
    )
]
instants = st.one_of(
    st.integers(FIRST, LAST),
    st.builds(lambda at, by: at + by, st.sampled_from(CHANGES), st.integers(-2 * 86400, 2 * 86400)),
).map(Instant)
allowances = st.one_of(st.integers(0, 40 * HOUR), st.integers(0, 400 * HOUR)).map(Seconds)


@given(calendars, instants, allowances)
def test_what_is_used_up_at_the_due_instant_is_the_allowance(
    calendar: Calendar, start: Instant, allowance: Seconds
) -> None:
    assert calendar.consumed(start, calendar.due(start, allowance)) == allowance


@given(calendars, instants, allowances)
def test_the_due_instant_is_the_earliest_one(
    calendar: Calendar, start: Instant, allowance: Seconds
) -> None:
    assume(allowance > 0)
    due = calendar.due(start, allowance)
    assert calendar.consumed(start, Instant(due - 1)) == allowance - 1


@given(calendars, instants, allowances, allowances)
def test_more_allowance_is_never_due_earlier(
    calendar: Calendar, start: Instant, some: Seconds, more: Seconds
) -> None:
    assert calendar.due(start, some) <= calendar.due(start, Seconds(some + more))


@given(calendars, instants, instants, allowances)
def test_a_later_start_is_never_due_earlier(
    calendar: Calendar, one: Instant, other: Instant, allowance: Seconds
) -> None:
    early, late = sorted((one, other))
    assert calendar.due(early, allowance) <= calendar.due(late, allowance)


@given(calendars, instants, instants, instants)
def test_spans_add_up(calendar: Calendar, a: Instant, b: Instant, c: Instant) -> None:
    assert calendar.consumed(a, b) + calendar.consumed(b, c) == calendar.consumed(a, c)


@given(calendars, instants, allowances, allowances)
def test_two_waits_end_when_one_of_their_sum_does(
    calendar: Calendar, start: Instant, some: Seconds, more: Seconds
) -> None:
    in_two = calendar.due(calendar.due(start, some), more)
    assume(some > 0 or more > 0)
    assert in_two == calendar.due(start, Seconds(some + more))


@given(instants, allowances, st.dates(date(2025, 1, 1), date(2026, 12, 31)))
def test_another_closed_day_never_makes_anything_due_earlier(
    start: Instant, allowance: Seconds, day: date
) -> None:
    zone = ZoneInfo("Europe/Vienna")
    fewer = CALENDARS["vienna"].due(start, allowance)
    more = BusinessCalendar("more", zone, OFFICE, {**CLOSED, day: "closed"}).due(start, allowance)
    assert fewer <= more


@given(calendars, instants)
def test_it_is_open_just_when_the_next_second_counts(calendar: Calendar, at: Instant) -> None:
    assert calendar.is_open(at) == (calendar.consumed(at, Instant(at + 1)) == 1)


@given(calendars, instants)
def test_nothing_counts_until_the_next_opening(calendar: Calendar, at: Instant) -> None:
    opening = calendar.next_opening(at)
    assert calendar.is_open(opening)
    assert calendar.consumed(at, opening) == 0


@given(instants)
def test_years_may_be_asked_for_in_any_order(at: Instant) -> None:
    fresh = BusinessCalendar("fresh", ZoneInfo("Europe/Vienna"), OFFICE, CLOSED)
    used = BusinessCalendar("used", ZoneInfo("Europe/Vienna"), OFFICE, CLOSED)
    for earlier in (LAST, FIRST, parse_instant("2019-06-01T00:00:00Z")):
        used.is_open(earlier)
    assert fresh.due(at, Seconds(9 * HOUR)) == used.due(at, Seconds(9 * HOUR))


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        ("2026-03-28", 24),
        ("2026-03-29", 23),
        ("2026-10-25", 25),
    ],
    ids=["an ordinary day", "clocks go forward", "clocks go back"],
)
def test_a_whole_day_has_as_many_hours_as_the_clocks_say(day: str, hours: int) -> None:
    whole_days = dict.fromkeys(range(7), parse_windows("00:00-24:00"))
    calendar = BusinessCalendar("days", ZoneInfo("Europe/Vienna"), whole_days, {})
    noon = parse_instant(f"{day}T12:00:00Z")
    others = {date.fromisoformat(day): "closed"}
    without = BusinessCalendar("other", ZoneInfo("Europe/Vienna"), whole_days, others)
    span = Instant(noon - 2 * 86_400), Instant(noon + 2 * 86_400)
    assert calendar.consumed(*span) - without.consumed(*span) == hours * HOUR


def test_a_window_in_the_hour_that_does_not_exist_is_no_window() -> None:
    before = parse_instant("2026-03-29T00:00:00Z")
    assert rfc3339(SUNDAYS.next_opening(before)) == "2026-04-05T00:00:00Z"


def test_a_window_in_the_hour_that_comes_twice_is_the_first() -> None:
    before = parse_instant("2026-10-24T22:00:00Z")
    assert rfc3339(SUNDAYS.next_opening(before)) == "2026-10-25T00:00:00Z"
    # Local 03:00 closes it, an hour later than on other Sundays, since 02:00 comes twice.
    assert rfc3339(SUNDAYS.due(before, Seconds(2 * HOUR))) == "2026-10-25T02:00:00Z"


def test_a_calendar_that_is_seldom_open_is_looked_through_far_ahead() -> None:
    due = SUNDAYS.due(parse_instant("2026-01-01T00:00:00Z"), Seconds(520 * HOUR))
    assert rfc3339(due).startswith("2035-12")


def test_the_closing_second_is_closed(policy: Policy) -> None:
    emea = policy.calendar("emea")
    closing = parse_instant("2026-03-06T16:00:00Z")
    assert emea.is_open(Instant(closing - 1))
    assert not emea.is_open(closing)
    assert rfc3339(emea.next_opening(closing)) == "2026-03-09T08:00:00Z"
    assert rfc3339(emea.due(Instant(closing - 600), Seconds(600))) == "2026-03-06T16:00:00Z"
    assert rfc3339(emea.due(closing, Seconds(0))) == "2026-03-06T16:00:00Z"


@pytest.mark.parametrize(
    ("start", "allowance", "due"),
    [
        ("2026-10-22T13:00:00Z", 4 * HOUR, "2026-10-23T09:00:00Z"),
        ("2026-10-25T01:30:00Z", 4 * HOUR, "2026-10-27T12:00:00Z"),
        ("2026-10-25T01:30:00Z", 8 * HOUR, "2026-10-27T16:00:00Z"),
        ("2026-10-25T01:30:00Z", 12 * HOUR, "2026-10-28T12:00:00Z"),
        ("2026-03-02T10:00:00Z", 8 * HOUR, "2026-03-03T10:00:00Z"),
        ("2026-03-02T10:00:00Z", 16 * HOUR, "2026-03-04T10:00:00Z"),
        ("2026-03-02T08:00:00Z", 16 * HOUR, "2026-03-03T16:00:00Z"),
    ],
)
def test_a_weekend_a_holiday_and_the_end_of_summer_time_do_not_count(
    start: str, allowance: int, due: str, policy: Policy
) -> None:
    found = policy.calendar("emea").due(parse_instant(start), Seconds(allowance))
    assert rfc3339(found) == due


def test_a_negative_allowance_is_refused() -> None:
    for calendar in CALENDARS.values():
        with pytest.raises(ValueError, match="negative"):
            calendar.due(FIRST, Seconds(-1))


def test_a_calendar_that_never_opens_is_refused() -> None:
    with pytest.raises(ValueError, match="never open"):
        BusinessCalendar("closed", ZoneInfo("UTC"), {0: ()}, {})
