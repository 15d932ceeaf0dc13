"""Overload and outage are answered, never queued."""

from contextlib import ExitStack

import pytest

from services.intake.gate import Gate, OverloadedError, SilentKafkaError
from shared.runtime.buckets import Buckets


class Time:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def test_so_many_and_no_more_wait_at_once() -> None:
    door = Gate(max_in_flight=3)
    with ExitStack() as waiting:
        for _ in range(3):
            waiting.enter_context(door.passing())
        with pytest.raises(OverloadedError):
            waiting.enter_context(door.passing())
    with door.passing():
        pass


def test_so_many_events_and_no_more_wait_at_once() -> None:
    door = Gate(max_in_flight=10, max_events=200)
    with door.passing(150):
        with door.passing(50):
            pass
        with pytest.raises(OverloadedError, match="events"), door.passing(51):
            pass
    # A single request is never too large, or it would never pass.
    with door.passing(500), pytest.raises(OverloadedError), door.passing():
        pass
    with door.passing():
        pass


def test_a_place_is_given_back_when_its_request_fails() -> None:
    door = Gate(max_in_flight=1)
    for _ in range(3):
        with pytest.raises(LookupError), door.passing():
            raise LookupError


def test_three_misses_within_ten_seconds_close_it_but_for_one_probe_a_second(time: Time) -> None:
    door = Gate(max_in_flight=10, now=time)
    for _ in range(2):
        door.missed()
        time.now += 4.9
    with door.passing():
        door.missed()
    with pytest.raises(SilentKafkaError), door.passing():
        pass
    time.now += 1
    with door.passing():
        pass
    with pytest.raises(SilentKafkaError), door.passing():
        pass
    door.answered()
    for _ in range(5):
        with door.passing():
            pass


def test_misses_that_lie_apart_do_not_close_it(time: Time) -> None:
    door = Gate(max_in_flight=10, now=time)
    for _ in range(9):
        door.missed()
        time.now += 5.1
        with door.passing():
            pass


def test_a_bucket_gives_its_burst_then_its_rate(time: Time) -> None:
    buckets = Buckets(rate_per_s=2, burst=3, now=time)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    time.now += 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a", 3) == 1.5
    time.now += 60
    assert buckets.take("a", 3) == 0
    assert buckets.empty("a")


def test_what_is_more_than_a_whole_bucket_empties_it(time: Time) -> None:
    buckets = Buckets(rate_per_s=1, burst=10, now=time)
    assert buckets.take("a", 100) == 0
    assert buckets.take("a", 100) == 10
    time.now += 10
    assert buckets.take("a", 100) == 0


def test_who_is_not_known_has_a_full_bucket() -> None:
    assert not Buckets(rate_per_s=1, burst=10).empty("new")


def test_buckets_do_not_grow_without_end(time: Time) -> None:
    buckets = Buckets(rate_per_s=1, burst=10, now=time)
    for number in range(20_000):
        buckets.take(str(number))
    assert len(buckets._levels) == 10_000
