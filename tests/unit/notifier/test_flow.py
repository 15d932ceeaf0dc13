"""Rates and circuit breakers: they delay, and never drop."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notifier.core.flow import (
    Breaker,
    Gate,
    Rate,
    failed,
    new_gate,
    refilled,
    room,
    succeeded,
    taken,
)

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RATE = Rate(per_s=10, burst=10)


def a_gate() -> Gate:
    return new_gate("webhook:ana", RATE, now=NOW)


def after_failures(count: int) -> Gate:
    gate = a_gate()
    for _ in range(count):
        gate = failed(gate, now=NOW)
    return gate


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    gate = taken(a_gate(), 10)
    assert room(gate, in_flight=0, at_once=99, now=NOW) == 0
    later = refilled(gate, RATE, now=NOW + timedelta(milliseconds=350))
    assert room(later, in_flight=0, at_once=99, now=NOW) == 3
    full = refilled(gate, RATE, now=NOW + timedelta(days=1))
    assert room(full, in_flight=0, at_once=99, now=NOW) == 10


def test_a_clock_set_back_gives_no_tokens_and_takes_none() -> None:
    gate = taken(a_gate(), 4)
    back = refilled(gate, RATE, now=NOW - timedelta(hours=1))
    assert (back.tokens, back.refilled_at) == (6.0, NOW)


def test_no_more_are_on_their_way_than_allowed_at_once() -> None:
    assert room(a_gate(), in_flight=3, at_once=4, now=NOW) == 1
    assert room(a_gate(), in_flight=9, at_once=4, now=NOW) == 0


@pytest.mark.parametrize(("failures", "state"), [(4, Breaker.CLOSED), (5, Breaker.OPEN)])
def test_the_fifth_failure_in_a_row_opens_the_breaker(failures: int, state: Breaker) -> None:
    assert after_failures(failures).breaker(NOW) is state


def test_one_success_forgets_the_failures() -> None:
    gate = failed(succeeded(after_failures(4)), now=NOW)
    assert gate.breaker(NOW) is Breaker.CLOSED


def test_a_half_open_gate_lets_one_probe_through() -> None:
    later = NOW + 30 * SECOND
    gate = after_failures(5)
    assert room(gate, in_flight=0, at_once=4, now=later - SECOND) == 0
    assert gate.breaker(later) is Breaker.HALF_OPEN
    assert room(gate, in_flight=0, at_once=4, now=later) == 1
    assert room(gate, in_flight=1, at_once=4, now=later) == 0


def test_every_failed_probe_doubles_the_pause_up_to_ten_minutes() -> None:
    gate = after_failures(5)
    pauses = []
    for _ in range(7):
        assert gate.open_until is not None
        at = gate.open_until
        gate = failed(gate, now=at)
        assert gate.open_until is not None
        pauses.append((gate.open_until - at).total_seconds())
    assert pauses == [60, 120, 240, 480, 600, 600, 600]


def test_stragglers_of_an_open_gate_do_not_lengthen_its_pause() -> None:
    gate = after_failures(5)
    assert failed(gate, now=NOW + SECOND).open_until == gate.open_until
