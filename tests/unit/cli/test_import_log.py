"""`tierline import`: events on standard output, a report beside them, and exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.unit.cli.logs import a_row, rows_of, write

tierline = CliRunner()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    rows = rows_of(("09:05", {}), ("03-03-2016 09:20", {"incident_state": "Active"}))
    return write(tmp_path / "log.csv", rows)


def test_standard_output_holds_events_alone_and_the_report_is_beside_it(log: Path) -> None:
    done = tierline.invoke(app, ["import", str(log)])
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == [
        "ticket.opened",
        "ticket.message",
        "ticket.status_changed",
    ]
    assert "2 rows of 1 tickets: 3 events" in done.stderr


def test_days_cuts_the_history_from_its_first_event_on(log: Path) -> None:
    done = tierline.invoke(app, ["import", str(log), "--days", "2"])
    assert len(done.stdout.splitlines()) == 1


def test_events_into_a_file_leave_standard_output_to_the_report(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    done = tierline.invoke(app, ["import", str(log), "-o", str(out), "--json"])
    assert json.loads(done.stdout) == {
        "rows": 2,
        "tickets": 1,
        "events": 3,
        "by_type": {"ticket.message": 1, "ticket.opened": 1, "ticket.status_changed": 1},
        "first": "2016-03-01T08:00:00Z",
        "last": "2016-03-03T08:20:00Z",
        "repaired_lines": [],
    }
    assert len(out.read_text().splitlines()) == 3


def test_a_log_that_cannot_be_read_ends_with_1_and_prints_no_event(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", [a_row("09:05"), a_row("09:10", impact="4 - None")])
    done = tierline.invoke(app, ["import", str(log)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{log}:3: column impact: `4 - None`" in done.stderr


def test_a_file_that_cannot_be_written_ends_with_2(log: Path) -> None:
    done = tierline.invoke(app, ["import", str(log), "-o", str(log.parent / "no" / "events")])
    assert (done.exit_code, "name another file" in done.stderr) == (2, True)


def test_the_engine_reads_what_the_import_prints(log: Path) -> None:
    run = [sys.executable, "-c", "from cli.main import main; main()"]
    events = subprocess.run([*run, "import", str(log)], check=True, capture_output=True)
    decided = subprocess.run(
        [*run, "simulate", "-"], input=events.stdout, check=True, capture_output=True
    )
    assert json.loads(decided.stdout.splitlines()[0])["type"] == "case.opened"
