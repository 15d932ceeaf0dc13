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
from shared.review.folding import Lives
from shared.review.lives import Life
from tests.support.decisions import default_policies

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


def test_the_desks_own_verdict_is_that_of_the_last_row(lives: list[Life], rows: Rows) -> None:
    assert {life.key for life in lives if life.desk_kept is False} == {
        key for key, of in rows.items() if of[-1]["made_sla"] == "FALSE"
    }
