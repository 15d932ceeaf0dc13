"""What a far side's answer means, and how long to wait before the next try."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.notifier.core.retry import (
    CAP,
    Accepted,
    Failed,
    Outcome,
    Refused,
    chance_of,
    http_outcome,
    parse_retry_after,
    smtp_outcome,
    wait_before_next,
)

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("status", "retry_after", "expected"),
    [
        (200, None, Accepted("http 200", confirmed=True)),
        (202, None, Accepted("http 202", confirmed=True)),
        (204, "60", Accepted("http 204", confirmed=True)),
        (301, None, Refused("http_301")),
        (302, None, Refused("http_302")),
        (307, None, Refused("http_307")),
        (400, None, Refused("http_400")),
        (401, None, Refused("http_401")),
        (403, "5", Refused("http_403")),
        (404, None, Refused("http_404")),
        (408, None, Failed("http_408")),
        (410, None, Refused("http_410", gone=True)),
        (413, None, Refused("http_413")),
        (425, None, Failed("http_425")),
        (429, None, Failed("http_429")),
        (429, "7", Failed("http_429", wait=7 * SECOND)),
        (429, "99999999999999999999", Failed("http_429", wait=HOUR)),
        (500, None, Failed("http_500")),
        (502, "soon", Failed("http_502")),
        (503, "Mon, 02 Mar 2026 10:01:30 GMT", Failed("http_503", wait=90 * SECOND)),
        (503, "Mon, 02 Mar 2026 09:00:00 GMT", Failed("http_503", wait=timedelta(0))),
        (504, None, Failed("http_504")),
    ],
)
def test_what_an_http_answer_means(status: int, retry_after: str | None, expected: Outcome) -> None:
    assert http_outcome(status, retry_after, now=NOW) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (250, Accepted("smtp 250")),
        (251, Accepted("smtp 251")),
        (421, Failed("smtp_421", gate=True)),
        (450, Failed("smtp_450", gate=False)),
        (452, Failed("smtp_452", gate=False)),
        (500, Refused("smtp_500")),
        (535, Refused("smtp_535")),
        (550, Refused("smtp_550")),
        (554, Refused("smtp_554")),
    ],
)
def test_what_an_smtp_reply_means(code: int, expected: Outcome) -> None:
    """One full mailbox says nothing about the relay; a relay that closes does."""
    assert smtp_outcome(code) == expected


def test_only_a_gone_address_is_closed_for_good() -> None:
    answers = {status: http_outcome(status, None, now=NOW) for status in range(400, 420)}
    gone = [status for status, said in answers.items() if isinstance(said, Refused) and said.gone]
    assert gone == [410]


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
    "text", ["", "-5", "1.5", "\u0665", "Mon", "9" * 5000, "Mon, 99 Foo 2026 10:00:00 GMT"]
)
def test_nonsense_in_retry_after_is_no_wait_of_more_than_an_hour(text: str) -> None:
    wait = parse_retry_after(text, now=NOW)
    assert wait is None or wait <= HOUR
