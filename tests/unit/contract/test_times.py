from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contract.times import Instant, as_datetime, instant, parse_instant, rfc3339

SECONDS = st.integers(-62_135_596_800, 253_402_300_799).map(Instant)


@given(SECONDS)
def test_an_instant_survives_text_and_datetime(at: Instant) -> None:
    assert parse_instant(rfc3339(at)) == at
    assert instant(as_datetime(at)) == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("1970-01-01T00:00:00Z", 0, id="the epoch"),
        pytest.param("1970-01-01T00:00:01.999999Z", 1, id="a fraction is cut"),
        pytest.param("1969-12-31T23:59:58.500000Z", -2, id="cut downwards before the epoch too"),
        pytest.param("1970-01-01T02:00:00+02:00", 0, id="an offset is honoured"),
    ],
)
def test_text_becomes_the_second_it_falls_into(text: str, at: int) -> None:
    assert parse_instant(text) == at


def test_an_instant_is_written_in_utc() -> None:
    assert rfc3339(Instant(1_772_445_600)) == "2026-03-02T10:00:00Z"


def test_the_same_moment_in_another_zone_is_the_same_instant() -> None:
    vienna = datetime(2026, 3, 2, 11, tzinfo=timezone(timedelta(hours=1)))
    assert instant(vienna) == instant(datetime(2026, 3, 2, 10, tzinfo=UTC))


def test_what_is_no_time_is_said_so() -> None:
    with pytest.raises(ValueError, match="'yesterday' is no date and time"):
        parse_instant("yesterday")


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        parse_instant("2026-03-02T10:00:00")
