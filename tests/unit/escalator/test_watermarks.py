"""How far time may pass while input waits unread."""

from datetime import UTC, datetime, timedelta

from services.escalator.ticker import watermarks

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOLD = timedelta(minutes=2)
LONG_AGO = NOW - timedelta(days=1)


def minutes_ago(n: float) -> datetime:
    return NOW - timedelta(minutes=n)


def bound(caught_up: datetime | None, since: datetime = LONG_AGO) -> datetime:
    return watermarks({0: caught_up}, NOW, since, HOLD)[0].bound


def test_time_passes_as_far_as_input_was_taken_in() -> None:
    assert bound(minutes_ago(1)) == minutes_ago(1)


def test_time_passes_without_input_once_it_was_waited_for_long_enough() -> None:
    assert bound(minutes_ago(30)) == minutes_ago(2)


def test_a_partition_that_was_never_read_waits_as_long_as_any_other() -> None:
    assert bound(None) == minutes_ago(2)


def test_after_an_outage_of_ours_input_gets_its_time_before_timers_give_up_on_it() -> None:
    assert bound(minutes_ago(30), since=minutes_ago(1)) == minutes_ago(30)


def test_time_never_passes_beyond_now() -> None:
    assert bound(NOW + timedelta(seconds=5)) == NOW


def test_each_partition_has_its_own() -> None:
    marks = watermarks({0: minutes_ago(1), 1: NOW}, NOW, LONG_AGO, HOLD)
    assert marks[0].bound == minutes_ago(1)
    assert marks[1].bound == NOW
