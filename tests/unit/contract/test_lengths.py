"""Lengths of time in words: on the wall by their size, of a calendar in hours."""

from __future__ import annotations

import pytest

from shared.contract.lengths import hours, span


@pytest.mark.parametrize(
    ("length_s", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (3959, "1 h 5 min"),
        (-3900, "1 h 5 min"),
        (86_400, "1 d"),
        (86_400 + 7200, "1 d 2 h"),
        (86_400 + 7260, "1 d 2 h"),
        (10**15, "11574074074 d 1 h"),
    ],
)
def test_a_span_is_said_by_its_two_largest_units(length_s: int, said: str) -> None:
    assert span(length_s) == said


@pytest.mark.parametrize(
    ("length_s", "said"),
    [
        (0, "0 min"),
        (90, "1 min 30 s"),
        (900, "15 min"),
        (5400, "1 h 30 min"),
        (14_400, "4 h"),
        (144_000, "40 h"),
        (144_061, "40 h 1 min 1 s"),
    ],
)
def test_what_a_calendar_counts_is_said_to_the_second_and_never_in_days(
    length_s: int, said: str
) -> None:
    assert hours(length_s) == said
