"""When a delivery is tried again, by which way, and when it is given up."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.notifier.core.retry import (
    CAP,
    Again,
    AnotherWay,
    Failed,
    GiveUp,
    Next,
    Outcome,
    Refused,
    after,
    chance_of,
    http_outcome,
    parse_retry_after,
    smtp_outcome,
    wait_before_next,
)

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def what_follows(outcome: Outcome) -> Next | str:
    """Follow *outcome* of a first attempt on the only way there is, with half the jitter."""
    if not isinstance(outcome, Failed | Refused):
        return "taken"
    return after(
        outcome,
        attempt=1,
        way_attempt=1,
        more_ways=False,
        age=timedelta(0),
        priority="P2",
        chance=0.5,
    )


@pytest.mark.parametrize(
    ("status", "retry_after", "expected"),
    [
        (200, None, "taken"),
        (202, None, "taken"),
        (204, "60", "taken"),
        (301, None, GiveUp()),
        (302, None, GiveUp()),
        (307, None, GiveUp()),
        (400, None, GiveUp()),
        (401, None, GiveUp()),
        (403, "5", GiveUp()),
        (404, None, GiveUp()),
        (408, None, Again(2 * SECOND)),
        (410, None, GiveUp()),
        (413, None, GiveUp()),
        (425, None, Again(2 * SECOND)),
        (429, None, Again(2 * SECOND)),
        (429, "7", Again(7 * SECOND)),
        (429, "99999999999999999999", Again(HOUR)),
        (500, None, Again(2 * SECOND)),
        (502, "soon", Again(2 * SECOND)),
        (503, "Mon, 02 Mar 2026 10:01:30 GMT", Again(90 * SECOND)),
        (503, "Mon, 02 Mar 2026 09:00:00 GMT", Again(timedelta(0))),
        (504, None, Again(2 * SECOND)),
    ],
)
def test_what_an_http_answer_leads_to(
    status: int, retry_after: str | None, expected: Next | str
) -> None:
    assert what_follows(http_outcome(status, retry_after, now=NOW)) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (250, "taken"),
        (251, "taken"),
        (421, Again(2 * SECOND)),
        (450, Again(2 * SECOND)),
        (452, Again(2 * SECOND)),
        (500, GiveUp()),
        (535, GiveUp()),
        (550, GiveUp()),
        (554, GiveUp()),
    ],
)
def test_what_an_smtp_reply_leads_to(code: int, expected: Next | str) -> None:
    assert what_follows(smtp_outcome(code)) == expected


def test_only_a_gone_address_is_closed_for_good() -> None:
    answers = {status: http_outcome(status, None, now=NOW) for status in range(400, 420)}
    gone = [status for status, said in answers.items() if isinstance(said, Refused) and said.gone]
    assert gone == [410]


def test_one_full_mailbox_says_nothing_about_the_relay() -> None:
    assert smtp_outcome(452) == Failed("smtp_452", gate=False)
    assert smtp_outcome(421) == Failed("smtp_421", gate=True)


@pytest.mark.parametrize("attempt", [1, 2, 5, 9, 10, 11, 1000, 10**9])
def test_waits_double_and_stay_under_half_an_hour(attempt: int) -> None:
    bound = wait_before_next(attempt, chance=1.0)
    assert bound == min(CAP, 2 * SECOND * 2 ** min(attempt, 30))
    assert wait_before_next(attempt, chance=0.0) == timedelta(0)


def test_jitter_differs_between_attempts_and_repeats_in_replay() -> None:
    delivery = UUID(int=7)
    draws = [chance_of(delivery, attempt) for attempt in range(1, 200)]
    assert len(set(draws)) == len(draws)
    assert all(0 <= draw < 1 for draw in draws)
    assert 0.4 < sum(draws) / len(draws) < 0.6
    assert draws == [chance_of(delivery, attempt) for attempt in range(1, 200)]


@pytest.mark.parametrize(
    ("priority", "age", "expected"),
    [
        ("P1", 6 * HOUR - 2 * SECOND, Again(2 * SECOND)),
        ("P1", 6 * HOUR - SECOND, GiveUp()),
        ("P2", 6 * HOUR, Again(2 * SECOND)),
        (None, 24 * HOUR - 2 * SECOND, Again(2 * SECOND)),
        ("P4", 24 * HOUR, GiveUp()),
    ],
)
def test_trying_ends_with_the_age_its_priority_allows(
    priority: str | None, age: timedelta, expected: Next
) -> None:
    found = after(
        Failed("http_500", wait=2 * SECOND),
        attempt=9,
        way_attempt=9,
        more_ways=False,
        age=age,
        priority=priority,
        chance=1.0,
    )
    assert found == expected


@pytest.mark.parametrize(
    ("outcome", "way_attempt", "expected"),
    [
        (Refused("http_404"), 1, AnotherWay()),
        (Failed("http_500", wait=SECOND), 1, Again(SECOND)),
        (Failed("http_500", wait=SECOND), 2, Again(SECOND)),
        (Failed("http_500", wait=SECOND), 3, AnotherWay()),
    ],
)
def test_another_way_is_tried_before_giving_up(
    outcome: Failed | Refused, way_attempt: int, expected: Next
) -> None:
    found = after(
        outcome,
        attempt=way_attempt,
        way_attempt=way_attempt,
        more_ways=True,
        age=timedelta(0),
        priority="P1",
        chance=1.0,
    )
    assert found == expected


@pytest.mark.parametrize(
    "text", ["", "-5", "1.5", "\u0665", "Mon", "9" * 5000, "Mon, 99 Foo 2026 10:00:00 GMT"]
)
def test_nonsense_in_retry_after_is_no_wait_of_more_than_an_hour(text: str) -> None:
    wait = parse_retry_after(text, now=NOW)
    assert wait is None or wait <= HOUR
