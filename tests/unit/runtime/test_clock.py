"""One clock, fast or where one likes."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.runtime.clock import Clock, backoff_s, jittered, monotonic, new_id, real_now


def test_in_production_it_is_the_worlds_time() -> None:
    before = real_now()
    at = Clock().now()
    assert before <= at <= real_now()
    assert at.tzinfo is UTC


def test_it_starts_where_it_is_told_and_runs_as_fast() -> None:
    start = datetime(2016, 2, 29, 1, 16, tzinfo=UTC)
    real_start = real_now()
    clock = Clock.starting(start, speed=3600)
    at = clock.now()
    passed = (real_now() - real_start) * 3600
    assert start - timedelta(milliseconds=10) <= at <= start + passed + timedelta(milliseconds=10)
    assert clock.real(timedelta(hours=1)) == timedelta(seconds=1)


async def test_sleeping_until_a_virtual_hour_has_passed_takes_a_moment() -> None:
    clock = Clock.starting(datetime(2016, 2, 29, tzinfo=UTC), speed=36_000)
    began = monotonic()
    until = clock.now() + timedelta(hours=1)
    await clock.sleep_until(until)
    assert clock.now() >= until
    assert monotonic() - began < 5


def test_ids_are_fresh() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 0.1), (2, 0.2), (5, 1.6), (50, 5.0)])
def test_backing_off_doubles_up_to_a_ceiling_and_spreads(attempt: int, ceiling: float) -> None:
    waits = [backoff_s(attempt) for _ in range(200)]
    assert 0 < min(waits) < ceiling / 2
    assert ceiling / 2 < max(waits) <= ceiling


def test_jitter_keeps_within_its_bounds() -> None:
    waits = [jittered(5, floor_s=1) for _ in range(200)]
    assert 1 <= min(waits) < 2
    assert 4 < max(waits) <= 5
