"""Rows into events: only what differs, nothing of the future, the same ids every time."""

from pathlib import Path

import pytest

from cli.history.errors import LogError
from cli.history.mapping_file import SERVICENOW, load_mapping, parse_mapping
from cli.history.rows import read_log
from cli.history.story import tell
from tests.unit.cli.logs import a_row, rows_of, short, told, write

LOG = Path("deploy/demo/servicenow-incidents.csv.gz")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.csv"


def test_a_story_is_told_by_what_differs_between_rows(log: Path) -> None:
    rows = rows_of(
        ("09:05", {}),
        ("09:10", {}),
        ("09:20", {"incident_state": "Active", "assigned_to": "Ann"}),
        ("09:30", {"incident_state": "Awaiting User Info"}),
        ("10:00", {"incident_state": "Active"}),
        ("11:00", {"incident_state": "Resolved"}),
        ("12:00", {"incident_state": "Closed"}),
    )
    assert short(told(log, rows)) == [
        "08:00 opened",
        "08:20 updated",
        "08:20 reply",
        "08:20 status open",
        "08:30 question",
        "08:30 status waiting_customer",
        "09:00 status open",
        "10:00 solution",
        "10:00 status resolved",
        "11:00 status closed",
    ]


def test_a_ticket_that_is_resolved_from_new_has_its_first_response_then(log: Path) -> None:
    events = told(log, rows_of(("09:05", {}), ("09:40", {"incident_state": "Resolved"})))
    assert short(events)[1:] == ["08:40 reply", "08:40 status resolved"]


def test_a_first_row_that_is_beyond_new_is_an_opening_and_a_change(log: Path) -> None:
    events = told(log, [a_row("09:05", incident_state="Resolved")])
    assert short(events) == ["08:00 opened", "08:05 reply", "08:05 status resolved"]


def test_back_from_resolved_to_active_is_a_change_of_status(log: Path) -> None:
    rows = rows_of(
        ("09:05", {"incident_state": "Resolved"}),
        ("10:00", {"incident_state": "Active"}),
        ("11:00", {"incident_state": "Resolved"}),
    )
    assert short(told(log, rows))[-3:] == [
        "09:00 status open",
        "10:00 solution",
        "10:00 status resolved",
    ]


def test_what_the_future_columns_say_changes_no_byte(log: Path) -> None:
    rows = rows_of(("09:05", {}), ("09:40", {"incident_state": "Resolved"}))
    with_future = [
        row | {"resolved_at": "01-03-2016 09:40", "closed_code": "code 6"} for row in rows
    ]
    plain, known = told(log, rows), told(log, with_future)
    assert known[:-1] == plain[:-1]
    assert known[-1]["data"] == plain[-1]["data"] | {"cause_class": "code 6"}


def test_importing_twice_gives_the_same_events_and_ids_that_differ(log: Path) -> None:
    rows = rows_of(("09:05", {}), ("09:20", {"incident_state": "Active", "urgency": "1 - High"}))
    first, second = told(log, rows), told(log, rows)
    assert first == second
    assert len({event["id"] for event in first}) == len(first)


def test_a_revision_that_the_log_bears_twice_still_gives_two_ids(log: Path) -> None:
    rows = [
        a_row("09:05", sys_mod_count="2"),
        a_row("09:10", sys_mod_count="1", assigned_to="Ann"),
        a_row("09:20", sys_mod_count="2", assigned_to="Bea"),
        a_row("09:30", sys_mod_count="1", assigned_to="Cid"),
    ]
    ids = [event["id"] for event in told(log, rows)]
    assert ids == ["INC1:2:opened", "INC1:1:updated", "INC1:2.2:updated", "INC1:1.2:updated"]


def test_characters_that_no_id_may_have_are_written_out(log: Path) -> None:
    (event,) = told(log, [a_row("09:05", number="acme/desk#7")])
    assert event["id"] == "acme_2f_desk_23_7:0:opened"
    assert event["subject"] == "acme/desk#7"


def test_events_come_in_the_order_of_time_across_tickets(log: Path) -> None:
    rows = [
        *rows_of(("09:05", {}), ("11:00", {"incident_state": "Active"})),
        a_row("10:05", number="INC2", opened_at="01-03-2016 10:00"),
    ]
    assert [event["id"] for event in told(log, rows)] == [
        "INC1:0:opened",
        "INC2:0:opened",
        "INC1:1:reply",
        "INC1:1:status",
    ]


def test_a_lowered_urgency_carries_the_right_that_the_mapping_assumes(log: Path) -> None:
    rows = rows_of(("09:05", {"urgency": "1 - High"}), ("09:10", {"urgency": "3 - Low"}))
    data = told(log, rows)[1]["data"]
    assert data["severity"] == "S4"
    assert (data["by"], data["role"], data["reason"]) == (
        "Ann",
        "escalation_manager",
        "lowered at the desk",
    )


def test_a_raised_urgency_claims_no_right(log: Path) -> None:
    rows = rows_of(("09:05", {}), ("09:10", {"urgency": "1 - High"}))
    assert told(log, rows)[1]["data"] == {"by": "Ann", "severity": "S2"}


def test_an_owner_that_is_taken_away_is_told_as_null(log: Path) -> None:
    rows = rows_of(("09:05", {"assigned_to": "Ann"}), ("09:10", {"assigned_to": "?"}))
    assert told(log, rows)[1]["data"] == {"by": "Ann", "owner": None}


def test_a_hold_carries_its_date_and_the_customers_agreement(log: Path) -> None:
    mapping = parse_mapping(
        SERVICENOW.read_text("utf-8").replace("waiting_vendor", "scheduled_hold")
        + "\nhold: {resume_at: cmdb_ci, customer_agreement_ref: u_symptom}\n"
    )
    held = {
        "incident_state": "Awaiting Vendor",
        "cmdb_ci": "04-03-2016 09:00",
        "u_symptom": "Mail 7",
    }
    path = write(log, rows_of(("09:05", {}), ("09:10", held)))
    data = tell(read_log(path, mapping), mapping, name=str(path))[-1].body["data"]
    assert data == {
        "by": "Ann",
        "status": "scheduled_hold",
        "reason": "Awaiting Vendor",
        "resume_at": "2016-03-04T08:00:00Z",
        "customer_agreement_ref": "Mail 7",
    }


def test_a_title_that_the_contract_refuses_names_the_line(log: Path) -> None:
    path = write(log, [a_row("09:05", caller_id="x" * 300)])
    mapping = load_mapping(SERVICENOW)
    with pytest.raises(LogError, match=r"log\.csv:2: it makes no event: data\.requester"):
        tell(read_log(path, mapping), mapping, name=str(path))
