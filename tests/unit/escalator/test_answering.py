"""Assumed answers: what follows for people who do answer, where a history does not say so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from heapq import merge
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from typer.testing import CliRunner

from cli.main import app
from services.escalator.core.answering import ASSUMED, AssumedAnswers
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import Decision
from shared.contract.envelope import encode
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, Seconds, instant, parse_instant
from shared.policy.document import PolicyTimeline
from tests.support.ticket_events import acknowledged, an_event, opened, status
from tests.support.ticket_lives import POLICY, end_of, lives

POLICIES = PolicyTimeline([(Instant(0), POLICY)])
FEW = settings(max_examples=max(1, settings().max_examples // 3))
AN_HOUR = Seconds(3600)

CRITICAL = opened("2026-03-02T10:00:00Z", severity="S1", affected_users=30)
"""A call that is made again every two minutes, and climbs a step every five."""


def answered(
    events: Iterable[TicketEvent], until: Instant | str, after: int = AN_HOUR
) -> list[Decision]:
    """Return what is decided where people answer *after* so many seconds."""
    end = parse_instant(until) if isinstance(until, str) else until
    return list(Simulation(POLICIES, AssumedAnswers(Seconds(after))).run(events, end))


def taken(decisions: Iterable[Decision]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (one.data["at"], one.data) for one in decisions if one.type == "escalation.acknowledged"
    ]


def test_the_first_who_was_called_takes_it_and_the_ladder_stops() -> None:
    decided = answered([CRITICAL], "2026-03-02T10:20:00Z", after=180)
    ((at, said),) = [one for one in taken(decided) if one[1]["track"] == "functional"]
    assert (at, said["role"], said["by"], said["after_s"]) == (
        "2026-03-02T10:03:00Z", "t3_oncall", ASSUMED, 180,
    )  # fmt: skip
    mine = [one.data for one in decided if one.data.get("escalation_id") == said["escalation_id"]]
    steps = [one["at"] for one in mine if one.get("step") is not None]
    assert steps == ["2026-03-02T10:02:00Z", "2026-03-02T10:03:00Z"]


def test_whoever_is_in_the_history_was_there_first() -> None:
    early = acknowledged("2026-03-02T10:01:00Z", role="t3_backup", by="ben")
    decided = answered([CRITICAL, early], "2026-03-02T10:20:00Z", after=180)
    assert taken(decided)[0][1]["by"] == "ben"
    assert "act.refused" not in {one.type for one in decided}


def test_a_call_that_waits_for_the_morning_is_answered_in_the_morning() -> None:
    # On a Friday after closing time: people are told on Monday at 08:00.
    late = opened("2026-03-06T17:10:00Z", plan="standard", severity="S2", affected_users=30)
    decided = answered([late], "2026-03-09T09:00:00Z", after=300)
    ((at, said),) = taken(decided)
    assert (at, said["track"]) == ("2026-03-09T08:05:00Z", "functional")


def test_a_department_answers_by_its_own_seat() -> None:
    decided = answered([CRITICAL], "2026-03-02T12:00:00Z", after=180)
    (said,) = [one for _, one in taken(decided) if one["target"] == "engineering"]
    assert said["role"] == "engineering_duty"


def test_nobody_answers_what_has_ended_by_then() -> None:
    solved = status("2026-03-02T10:02:00Z", "resolved")
    decided = answered([CRITICAL, solved], "2026-03-02T10:20:00Z", after=180)
    assert taken(decided) == []
    assert "act.refused" not in {one.type for one in decided}


def received(event: TicketEvent) -> Instant:
    return instant(event.receivedat or event.time)


@FEW
@given(events=lives(tickets=("A", "B"), longest=12))
def test_assuming_an_answer_is_the_same_as_having_it_in_the_history(
    events: list[TicketEvent],
) -> None:
    until = end_of(events, 3)
    assumed = answered(events, until)
    answers = [
        an_event(
            "escalation.acknowledged", at, ticket=said["ticket"].removeprefix("desk:"), by=ASSUMED,
            role=said["role"], escalation_id=said["escalation_id"],
        )
        for at, said in taken(assumed)
        if said["by"] == ASSUMED
    ]  # fmt: skip
    delivered = list(accumulate((received(one) for one in events), max))
    merged = merge(
        zip(delivered, events, strict=True),
        ((received(one), one) for one in answers),
        key=itemgetter(0),
    )
    told = list(Simulation(POLICIES).run([one for _, one in merged], until))
    assert [one._replace(cause=None) for one in told] == [
        one._replace(cause=None) for one in assumed
    ]


@FEW
@given(events=lives(tickets=("A", "B"), longest=12))
def test_nothing_that_asks_stays_unanswered(events: list[TicketEvent]) -> None:
    until = end_of(events, 3)
    run = Simulation(POLICIES, AssumedAnswers(AN_HOUR))
    for _ in run.run(events, until):
        pass
    waiting = [
        (one, parse_instant(one["raised_at"]))
        for case in run.snapshots()
        for one in case["escalations"]
        if one["ack_due"] is not None and one["acknowledged_by"] is None
    ]
    # Nobody is told in a night; over the longest closed stretch a call waits.
    assert [one for one, raised in waiting if raised + 4 * 86400 + AN_HOUR < until] == []


def test_simulate_takes_the_assumption_at_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(encode(CRITICAL))
    words = ["simulate", str(file), "--until", "2026-03-02T10:10:00Z", "--answer-after"]
    ran = CliRunner().invoke(app, [*words, "3m"])
    assert ran.exit_code == 0, ran.output
    decided = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {one["data"]["at"] for one in decided if one["type"] == "escalation.acknowledged"} == {
        "2026-03-02T10:03:00Z"
    }
    wrong = CliRunner().invoke(app, [*words, "0m"])
    assert (wrong.exit_code, "--answer-after 0m" in wrong.output) == (2, True)
