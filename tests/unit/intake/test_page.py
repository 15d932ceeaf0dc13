"""The page on sending events, held to the code: every refusal that it lists, every bound."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.intake import problems
from services.intake.core import limits
from services.intake.gate import OverloadedError, SilentKafkaError
from shared.contract.errors import Flaw, InvalidEventError, Reason
from shared.runtime.kafka import KafkaUnavailableError, PublishFailedError, PublishTimeoutError
from shared.runtime.problems import Problem, internal_error

PAGE = (Path(__file__).parents[3] / "docs" / "intake.md").read_text("utf-8")
LISTED = {
    code: int(status)
    for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", PAGE, re.MULTILINE)
}
FLAW = (Flaw("a", "wrong", "Send another."),)
INVALID = (
    Reason.NOT_JSON,
    Reason.NOT_A_CLOUDEVENT,
    Reason.UNKNOWN_TYPE,
    Reason.INVALID_FIELD,
    Reason.UNSTORABLE_TEXT,
    Reason.TOO_LARGE,
)
SAID: list[Problem] = [
    *(problems.invalid(InvalidEventError(FLAW, reason=reason)) for reason in INVALID),
    problems.not_a_batch(),
    problems.unauthorized(),
    problems.forbidden("ingest"),
    problems.slow_body(),
    problems.body_too_large(1),
    problems.too_many_items(2, 1),
    problems.unsupported_media(),
    problems.encoded_body(),
    problems.too_fast(1),
    problems.away(PublishTimeoutError("late")),
    problems.away(PublishFailedError("failed")),
    problems.away(SilentKafkaError("silent")),
    problems.away(KafkaUnavailableError("away")),
    problems.away(OverloadedError("full")),
]


@pytest.mark.parametrize("problem", SAID, ids=lambda one: one.code)
def test_every_refusal_is_listed_with_its_status(problem: Problem) -> None:
    assert LISTED[problem.code] == problem.status
    again = problem.status in {429, 503}
    assert ("retry-after" in problem.headers) == again


def test_nothing_is_listed_that_is_never_said() -> None:
    foreign = {"foreign_source", internal_error("/", ValueError()).code}
    assert LISTED.keys() == {problem.code for problem in SAID} | foreign


@pytest.mark.parametrize(
    "bound",
    [
        f"{limits.MAX_EVENT_BYTES // 1024} KiB",
        f"{limits.MAX_BATCH_BYTES // 1024} KiB, {limits.MAX_ITEMS} events",
        f"{limits.MAX_DEPTH}",
        f"{limits.MAX_KEYS}",
        f"{limits.MAX_TEXT_BYTES // 1024} KiB in UTF-8",
    ],
)
def test_the_bounds_are_the_codes(bound: str) -> None:
    assert f"| {bound} |" in PAGE
