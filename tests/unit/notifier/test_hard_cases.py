"""The hard cases as whoever is told of them meets them: the engine's decisions, planned and worded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.notifier.core.desk import Desk, FanOut
from services.notifier.core.message import Message
from services.notifier.core.plan import Planned, Purpose
from services.notifier.core.roster import Contact, Roster, Seat
from services.notifier.core.wording import Told
from services.notifier.words import Words
from services.notifier.worker import Unread, read
from shared.contract.times import as_datetime, parse_instant
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from shared.runtime.kafka import Incoming
from tests.cases.case_file import Run, runs
from tests.support.decisions import decided

CASES = Path(__file__).parents[2] / "cases"
WORDS = Words()
RUNS = {run.id: run for run in runs(CASES)}


def a_full_roster() -> Roster:
    """Return a roster in which everybody the policy may call has a mailbox."""
    policy = load_policy_file(DEFAULT_POLICY)
    departments = policy.departments.values()
    seats = [seat for one in departments for seat in (one.duty, one.backup, one.head)]
    roles = dict.fromkeys([*policy.file.roles, *seats, "owner"])
    return Roster(
        name="test",
        version=1,
        contacts={role: Contact(role, role, email=f"{role}@example.org") for role in roles},
        roles={role: Seat(role) for role in roles},
        modes={},
        channels=("email",),
    )


def case(name: str) -> Run:
    return next(run for key, run in sorted(RUNS.items()) if key.startswith(name))


def heard(run: Run) -> Desk:
    """Return the desk after everything that the engine decides in *run*."""
    now = as_datetime(parse_instant(run.until))
    desk = Desk(roster=a_full_roster(), alerts=True, now=now, known={}, early={}, earlier={})
    for _, value in decided(run.events, run.until):
        one = read(Incoming(0, 0, None, value, (), 0))
        assert not isinstance(one, Unread)
        desk.hear(one)
    assert desk.unplanned == []
    return desk


def rows(desk: Desk, role: str) -> list[tuple[FanOut, Planned]]:
    return [(one, row) for one in desk.fan_outs for row in one.rows if row.role == role]


def worded(fan_out: FanOut, row: Planned) -> Message:
    told = Told(fan_out.decision, row.role, row.purpose, fyi=row.fyi, facts=fan_out.facts)
    return WORDS.message(told)


def test_h21_the_owner_s_one_message_names_both_reasons() -> None:
    desk = heard(case("H21"))
    told = [
        worded(fan_out, row)
        for fan_out, row in rows(desk, "owner")
        if {"T06", "T08"} <= set(fan_out.decision.data["because"]["triggers"])
    ]
    (message,) = told
    (why,) = [line for line in message.lines if line.startswith("Why: ")]
    assert "(T06)" in why
    assert "(T08)" in why


def test_h26_a_decline_reaches_who_asked_with_the_reason_and_the_proposed_department() -> None:
    desk = heard(case("H26"))
    told = [
        worded(fan_out, row)
        for fan_out, row in rows(desk, "owner")
        if fan_out.decision.data.get("reason") == "declined"
    ]
    first, second = told
    assert "What happened: engineering declined it: wrong team" in first.lines
    assert "It goes to it now, which eve proposed." in first.lines
    assert "What happened: it declined it: wrong team" in second.lines


def test_h27_the_second_executive_notice_says_what_changed_since_the_first() -> None:
    desk = heard(case("H27"))
    told = [worded(fan_out, row) for fan_out, row in rows(desk, "exec_oncall")]
    changed = [one for one in told if any("Since you were last told" in line for line in one.lines)]
    assert changed
    assert told.index(changed[0]) > 0
    (said,) = [line for line in changed[0].lines if line.startswith("Since")]
    assert said == "Since you were last told: data loss was set."


def test_h32_what_is_held_over_the_weekend_is_one_call_on_monday_morning() -> None:
    run = next(one for one in RUNS.values() if one.id.startswith("H32") and "03-09" in one.until)
    desk = heard(run)
    held = [(one, row) for one in desk.fan_outs for row in one.rows if row.hold_until]
    assert {row.hold_until for _, row in held} == {datetime(2026, 3, 9, 8, 0, tzinfo=UTC)}
    asked = [row for _, row in held if row.ladder and not row.fyi]
    assert len({(row.role, row.version) for row in asked}) == len(asked) == 1


@pytest.mark.parametrize("name", [one for one in sorted(RUNS) if one.startswith("H37")])
def test_h37_a_notice_decided_and_withdrawn_in_one_second_is_not_sent(name: str) -> None:
    desk = heard(RUNS[name])
    over = {key for one in desk.known.values() for key, call in one.calls.items() if call.ended}
    for fan_out in desk.fan_outs:
        for row in fan_out.rows:
            if row.purpose is Purpose.NOTICE and row.escalation in over:
                assert desk.stale_now(fan_out, row) is not None
