"""What becomes of a delivery: which way next, when again, when given up, when the engine is told."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.notifier.core.flow import Breaker, Rate, new_gate
from services.notifier.core.report import Step
from services.notifier.core.retry import Accepted, Failed, Outcome, Refused
from services.notifier.core.settle import (
    UNCLEAR,
    UNREACHED_AFTER,
    Attempted,
    Settled,
    State,
    gate_after,
    settle,
)

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DOWN = Failed("http_500")
NEVER = Refused("http_404")


def an_attempt(**changes: Any) -> Attempted:
    """Return a first attempt by the preferred of two ways."""
    given: dict[str, Any] = {
        "id": UUID(int=7),
        "attempt": 1,
        "ways": ("webhook", "email"),
        "way": 0,
        "rounds": 0,
        "priority": "P2",
        "since": NOW,
    }
    return Attempted(**(given | changes))


def after(outcome: Outcome, **changes: Any) -> Settled:
    return settle(an_attempt(**changes), outcome, now=NOW)


def test_what_a_relay_took_is_sent_and_what_the_recipient_took_is_delivered() -> None:
    assert after(Accepted("smtp 250")).steps == (Step.SENT,)
    assert after(Accepted("smtp 250")).state is State.SENT
    assert after(Accepted("http 200", confirmed=True)).state is State.DELIVERED


def test_the_next_way_is_tried_at_once() -> None:
    found = after(DOWN)
    assert (found.state, found.way, found.rounds, found.next_at) == (State.RETRY, 1, 0, NOW)


@pytest.mark.parametrize("outcome", [DOWN, NEVER])
def test_h33_mail_goes_besides_when_another_way_fails_and_is_a_way_of_it_no_more(
    outcome: Outcome,
) -> None:
    found = after(outcome, ways=("slack", "sms", "email"), besides=True)
    assert found.copied
    assert (found.state, found.ways[found.way]) == (State.RETRY, "sms")
    assert "email" not in found.ways


@pytest.mark.parametrize(
    ("ways", "way", "rounds"),
    [
        pytest.param(("slack", "email"), 0, 0, id="it is the next way itself"),
        pytest.param(("email", "slack", "sms"), 0, 0, id="it is the way that failed"),
        pytest.param(("email", "slack", "sms"), 1, 0, id="it failed before"),
        pytest.param(("slack", "sms"), 0, 0, id="there is none"),
        pytest.param(("slack", "sms", "email"), 0, 1, id="all have failed before"),
    ],
)
def test_no_mail_goes_besides_when(ways: tuple[str, ...], way: int, rounds: int) -> None:
    found = after(DOWN, ways=ways, way=way, rounds=rounds, besides=True)
    assert not found.copied
    assert found.ways == ways


def test_when_all_ways_have_failed_there_is_a_pause_and_the_preferred_one_is_first_again() -> None:
    found = after(DOWN, way=1, attempt=2)
    assert (found.state, found.way, found.rounds) == (State.RETRY, 0, 1)
    assert found.next_at is not None
    assert NOW < found.next_at <= NOW + 4 * SECOND


def test_the_far_sides_own_word_on_when_is_kept() -> None:
    found = after(Failed("http_429", wait=7 * SECOND), ways=("webhook",))
    assert found.next_at == NOW + 7 * SECOND


def test_a_way_that_refuses_is_not_tried_again() -> None:
    found = after(NEVER)
    assert (found.ways, found.way, found.next_at) == (("email",), 0, NOW)


def test_the_last_way_to_refuse_begins_a_new_round_of_those_that_failed() -> None:
    found = after(NEVER, way=1, attempt=2)
    assert (found.ways, found.way, found.rounds) == (("webhook",), 0, 1)
    assert found.next_at is not None
    assert found.next_at > NOW


def test_when_every_way_refuses_it_is_dead_and_the_engine_goes_on() -> None:
    found = after(NEVER, ways=("email",))
    assert (found.state, found.steps, found.why) == (State.DEAD, (Step.FAILED,), "http_404")
    assert found.unreached


@pytest.mark.parametrize(("rounds", "expected"), [(0, False), (1, True), (2, False)])
def test_the_engine_hears_once_that_all_ways_keep_failing(rounds: int, expected: bool) -> None:  # noqa: FBT001
    assert UNREACHED_AFTER == 2
    assert after(DOWN, way=1, rounds=rounds).unreached is expected


@pytest.mark.parametrize(
    ("priority", "age", "expected"),
    [
        ("P1", 6 * HOUR - 2 * SECOND, State.RETRY),
        ("P1", 6 * HOUR - SECOND, State.DEAD),
        ("P2", 6 * HOUR, State.RETRY),
        (None, 24 * HOUR - 2 * SECOND, State.RETRY),
        ("P4", 24 * HOUR, State.DEAD),
    ],
)
def test_trying_ends_with_the_age_its_priority_allows(
    priority: str | None, age: timedelta, expected: State
) -> None:
    outcome = Failed("http_503", wait=2 * SECOND)
    found = after(outcome, ways=("email",), priority=priority, since=NOW - age, attempt=9)
    assert found.state is expected


def test_what_may_have_arrived_is_tried_again_unless_repeats_are_not_wanted() -> None:
    cut = Failed("ReadError", unclear=True)
    assert after(cut, ways=("email",)).state is State.RETRY
    held = after(cut, ways=("email",), hold=True)
    assert (held.state, held.why) == (State.DEAD, UNCLEAR)
    assert after(DOWN, ways=("email",), hold=True).state is State.RETRY


def test_only_its_own_trouble_counts_against_a_gate() -> None:
    gate = new_gate("email", Rate(per_s=5, burst=5), now=NOW)
    for _ in range(5):
        gate = gate_after(gate, Failed("smtp_450", gate=False), now=NOW)
        gate = gate_after(gate, Refused("smtp_550"), now=NOW)
    assert gate.breaker(NOW) is Breaker.CLOSED
    for _ in range(5):
        gate = gate_after(gate, Failed("smtp_421"), now=NOW)
    assert gate.breaker(NOW) is Breaker.OPEN
    assert gate_after(gate, Accepted(), now=NOW).breaker(NOW) is Breaker.CLOSED


def test_an_address_that_is_gone_shuts_its_gate() -> None:
    gate = new_gate("webhook:ana:1", Rate(per_s=5, burst=5), now=NOW)
    assert gate_after(gate, Refused("http_410", gone=True), now=NOW).gone
