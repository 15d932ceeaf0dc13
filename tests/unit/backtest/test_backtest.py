"""A candidate against the present policy: equal where nothing changes, and exactly what differs."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic_core import from_json
from typer.testing import CliRunner

from cli.backtest.comparison import Comparison
from cli.backtest.shown import report
from cli.demo.command import HISTORY
from cli.history.mapping_file import SERVICENOW, load_mapping
from cli.history.rows import read_log
from cli.history.story import tell
from cli.main import app
from cli.report.document import Format
from cli.report.writing import written
from services.escalator.core.marks import marks
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.envelope import encode
from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import Instant, instant, parse_instant
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.load import edited
from tests.support.ticket_events import opened, replied
from tests.support.ticket_lives import POLICY, end_of, lives

FEW = settings(max_examples=max(1, settings().max_examples // 5))
FASTER = edited(POLICY, {"cells.S3.I1.t1_max": "4h", "cells.S3.I2.t1_max": "4h"})


def compared(events: Iterable[TicketEvent], old: Policy, new: Policy, until: Instant) -> Comparison:
    found = Comparison()
    listed = list(events)
    for side, policy in (("before", old), ("after", new)):
        simulation = Simulation(PolicyTimeline([(Instant(0), policy)]))
        for one in simulation.run(listed, until):
            found.take("before" if side == "before" else "after", marks(one))
    return found


def called(events: list[TicketEvent], policy: Policy, until: Instant) -> Counter[tuple[Any, ...]]:
    """Return the calls in what `simulate` prints, whoever reads it."""
    calls: Counter[tuple[Any, ...]] = Counter()
    for one in Simulation(PolicyTimeline([(Instant(0), policy)])).run(events, until):
        plain = from_json(encode_decision(one))
        rings = plain["data"].get("hold_until") or plain["time"]
        for to in plain["data"].get("notify") or ():
            calls[plain["subject"], parse_instant(rings), to["role"], to["mode"]] += 1
    return calls


@FEW
@given(events=lives(tickets=("A", "B"), longest=12))
def test_an_unchanged_policy_differs_nowhere(events: list[TicketEvent]) -> None:
    found = compared(events, POLICY, POLICY, end_of(events, 30))
    assert found.is_same
    assert found.loads["before"] == found.loads["after"]


@FEW
@given(events=lives(tickets=("A", "B"), longest=12))
def test_the_calls_that_differ_are_those_of_two_separate_runs(events: list[TicketEvent]) -> None:
    until = end_of(events, 30)
    found = compared(events, POLICY, FASTER, until)
    old, new = called(events, POLICY, until), called(events, FASTER, until)
    for side, only in (("before", old - new), ("after", new - old)):
        told = found.only("before" if side == "before" else "after", "call")
        assert Counter((m.ticket, m.at, m.who, m.what.split()[-1]) for m in told) == only


def test_on_the_recorded_history_it_is_the_difference_of_two_simulations() -> None:
    mapping = load_mapping(SERVICENOW)
    told = tell(read_log(HISTORY, mapping), mapping, name=HISTORY.name)[:1500]
    events = [decode_event(one.json()) for one in told]
    until = instant(told[-1].at)
    found = compared(events, POLICY, FASTER, until)
    old, new = called(events, POLICY, until), called(events, FASTER, until)
    assert old != new
    assert len(found.only("before", "call")) == (old - new).total()
    assert len(found.only("after", "call")) == (new - old).total()


@pytest.fixture
def history(tmp_path: Path) -> Path:
    file = tmp_path / "events.jsonl"
    events = [opened("2026-03-02T09:00:00Z", plan="standard"), replied("2026-03-02T09:10:00Z")]
    file.write_bytes(b"".join(encode(one) + b"\n" for one in events))
    return file


def test_the_command_says_who_would_have_been_called_and_draws_it(
    history: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    words = ["backtest", "--history", str(history), "--until", "2026-03-03T12:00:00Z"]
    ran = CliRunner().invoke(app, [*words, "--set", "cells.S3.I1.t1_max=4h", "--html", str(page)])
    assert ran.exit_code == 1, ran.output
    assert "2026-03-02T13:00:00Z" in ran.output
    assert "t2_queue" in ran.output
    assert "<svg" in page.read_text("utf-8")


def test_other_calendars_and_a_roster_say_which_person_is_called_when(
    history: Path, tmp_path: Path
) -> None:
    calendars = tmp_path / "calendars.yaml"
    section = re.search(r"^calendars:\n(?:[ #].*\n|\n)+", POLICY.text, re.MULTILINE)
    assert section is not None
    longer = section[0].replace("09:00-17:00", "08:00-18:00")
    calendars.write_text(f"# longer days\n{longer}")
    words = ["backtest", "--history", str(history), "--until", "2026-03-04T20:00:00Z", "--json"]
    ran = CliRunner().invoke(
        app, [*words, "--calendar", str(calendars), "--roster", "deploy/roster/default.yaml"]
    )
    assert ran.exit_code == 1, ran.output
    calls = json.loads(ran.stdout)["calls"]["only_after"]
    # 16 hours of days of ten, from 10:00 in Vienna on Monday: eight that day, eight on Tuesday.
    assert ("2026-03-03T15:00:00Z", "Tier 2") in {(one["at"], one["who"]) for one in calls}


def test_who_is_assumed_to_answer_is_not_called_up_the_ladder(history: Path) -> None:
    words = ["backtest", "--history", str(history), "--until", "2026-03-02T16:00:00Z", "--json"]
    words += ["--set", "cells.S3.I1.t1_max=4h"]
    alone = CliRunner().invoke(app, words)
    answered = CliRunner().invoke(app, [*words, "--answer-after", "10m"])
    assert (alone.exit_code, answered.exit_code) == (1, 1), alone.output + answered.output
    roles = [
        {one["who"] for one in json.loads(ran.stdout)["calls"]["only_after"]}
        for ran in (alone, answered)
    ]
    assert "t2_lead" in roles[0]
    assert "t2_lead" not in roles[1]


def test_a_time_to_answer_after_is_a_time(history: Path) -> None:
    words = ["backtest", "--history", str(history), "--answer-after", "soon"]
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 2
    assert "--answer-after soon" in ran.output


def test_the_command_ends_with_0_where_nothing_differs(history: Path) -> None:
    ran = CliRunner().invoke(app, ["backtest", "--history", str(history), "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["same"] is True


def test_the_command_names_the_line_that_is_no_event(history: Path) -> None:
    history.write_bytes(history.read_bytes() + b"{}\n")
    ran = CliRunner().invoke(app, ["backtest", "--history", str(history)])
    assert ran.exit_code == 2
    assert "line 3" in ran.output


def test_what_people_wrote_is_no_markup_on_the_page() -> None:
    found = compared(
        [opened("2026-03-02T09:00:00Z", ticket="<b>A</b>")],
        POLICY,
        FASTER,
        parse_instant("2026-03-04T12:00:00Z"),
    )
    page = written(report(found, "Backtest", "<script>", 0), Format.HTML).decode()
    assert "<b>A" not in page
    assert "<script>" not in page
