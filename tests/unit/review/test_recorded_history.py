"""The review of the recorded history counts what the desk's own file says."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from itertools import pairwise

import pytest

from cli.demo.command import HISTORY
from cli.history.mapping_file import SERVICENOW, load_mapping
from cli.history.rows import read_log
from cli.history.story import tell
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.decisions import decode_decision
from shared.contract.events import decode_event
from shared.contract.times import Instant
from shared.review import flow
from shared.review.folding import Lives
from shared.review.lives import Life
from shared.review.metrics import Scope, figures
from shared.review.slices import Period
from tests.support.decisions import default_policies

ALWAYS = Period(Instant(0), Instant(4_000_000_000), "always")
Rows = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """The rows of the file by incident, as they stand."""
    found: Rows = defaultdict(list)
    with gzip.open(HISTORY, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[f"servicenow:{row['number']}"].append(row)
    return found


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    mapping = load_mapping(SERVICENOW)
    told = tell(read_log(HISTORY, mapping), mapping, name=HISTORY.name)
    events = [decode_event(one.json()) for one in told]
    found = Lives()
    for event in events:
        found.hear(event)
    for one in Simulation(default_policies()).run(events):
        if one.type != "escalation.notice_due":  # nine of ten, and none of them counted here
            found.decided(decode_decision(encode_decision(one)))
    return found.all()


def test_changes_of_group_are_those_of_the_file(lives: list[Life], rows: Rows) -> None:
    def changes(of: list[dict[str, str]]) -> int:
        groups = [row["assignment_group"] for row in of if row["assignment_group"] != "?"]
        return sum(one != two for one, two in pairwise(groups))

    assert {life.key: len(life.moves()) for life in lives if life.teams} == {
        key: changes(of)
        for key, of in rows.items()
        if any(r["assignment_group"] != "?" for r in of)
    }


def test_reopenings_of_what_the_desk_resolved_are_those_of_the_file(
    lives: list[Life], rows: Rows
) -> None:
    def reopenings(of: list[dict[str, str]]) -> int:
        over = [row["incident_state"] in ("Resolved", "Closed") for row in of]
        return sum(one and not two for one, two in pairwise(over))

    assert {life.key: len(life.reopened_by_hand()) for life in lives} == {
        key: reopenings(of) for key, of in rows.items()
    }


def test_reopenings_are_what_the_desk_itself_has_counted(lives: list[Life], rows: Rows) -> None:
    assert {life.key: len(life.reopened_by_hand()) for life in lives} == {
        key: int(of[-1]["reopen_count"]) for key, of in rows.items()
    }


def test_changes_of_group_are_what_the_desk_itself_has_counted_where_its_rows_show_them(
    lives: list[Life], rows: Rows
) -> None:
    def shown(of: list[dict[str, str]]) -> bool:
        """Whether every row names its group, and the count rises by one with each change of it."""
        steps = [(int(row["reassignment_count"]), row["assignment_group"]) for row in of]
        return (
            steps[0][0] == 0
            and all(group != "?" for _, group in steps)
            and all(b[0] - a[0] == (a[1] != b[1]) for a, b in pairwise(steps))
        )

    counted = {key: int(of[-1]["reassignment_count"]) for key, of in rows.items() if shown(of)}
    assert len(counted) > 0.9 * len(rows)
    assert {life.key: len(life.moves()) for life in lives if life.key in counted} == counted


def test_the_report_has_the_sums_of_the_file(lives: list[Life], rows: Rows) -> None:
    scope = Scope(lives, ALWAYS, default_policies(), ALWAYS.end, every=lives)
    told = {one.key: one.value for one in figures(scope, (flow.hops, flow.reopened))}
    groups = [
        [r["assignment_group"] for r in of if r["assignment_group"] != "?"] for of in rows.values()
    ]
    assert told["reassignments"] == sum(a != b for of in groups for a, b in pairwise(of))
    by_hand = (told["reopenings"] or 0) - (told["reopenings.silence"] or 0)
    assert by_hand == sum(int(of[-1]["reopen_count"]) for of in rows.values())
    verdicts = [of[-1]["made_sla"] for of in rows.values()]
    desk = [one.desk_kept for one in scope.resolved]
    assert (desk.count(True), desk.count(False)) == (
        verdicts.count("TRUE"),
        verdicts.count("FALSE"),
    )


def test_the_desks_own_verdict_is_that_of_the_last_row(lives: list[Life], rows: Rows) -> None:
    assert {life.key for life in lives if life.desk_kept is False} == {
        key for key, of in rows.items() if of[-1]["made_sla"] == "FALSE"
    }
