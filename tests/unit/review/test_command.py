"""`tierline review` at the terminal: the report, its forms, feedback, and decisions followed up."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import zlib
from datetime import date
from pathlib import Path

import pytest
from pydantic_core import from_json, to_json
from typer.testing import CliRunner, Result

from cli.main import app
from cli.report.document import Bars, Document, Section, Table
from cli.report.pdf import pdf
from cli.report.plain import comma_separated, markdown
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.envelope import encode
from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import parse_instant
from shared.review.thresholds import due_in
from tests.support.decisions import default_policies
from tests.support.http_peer import Answer, Request, http_peer
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status

SECTIONS = (
    "Verdict",
    "Volume and mix",
    "Promises kept",
    "Escalation flow",
    "Quality of escalations",
    "Response of people",
    "Departments",
    "Causes",
    "Customer voice",
    "Agent and department voice",
    "Training and access",
    "Actions",
    "Policy changes and their measured effect",
    "Data quality",
)


def a_month() -> list[TicketEvent]:
    """Five tickets of one cause, sent to the wrong group first, and a note that says nothing."""
    events: list[TicketEvent] = []
    for number in range(5):
        key, day = f"T{number}", f"2026-03-0{number + 2}"
        events += [
            opened(f"{day}T09:00:00Z", ticket=key, severity="S1", team="desk", component="print"),
            acknowledged(f"{day}T09:04:00Z", ticket=key, role="t2_oncall"),
            replied(f"{day}T09:05:00Z", ticket=key),
            an_event("ticket.updated", f"{day}T11:00:00Z", ticket=key, team="printing"),
            status(f"{day}T12:00:00Z", "resolved", ticket=key, cause_class="driver"),
        ]
    note = {"author": "agent", "note_kind": "progress", "by": "tom", "text": "Working on it."}
    events.append(an_event("ticket.message", "2026-03-02T09:30:00Z", ticket="T0", **note))
    return sorted(events, key=lambda one: one.time)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The words that name a month's events and decisions."""
    events = a_month()
    told, decided = tmp_path / "events.jsonl", tmp_path / "decisions.jsonl"
    told.write_bytes(b"".join(encode(one) + b"\n" for one in events))
    run_of = Simulation(default_policies()).run(events, parse_instant("2026-03-20T00:00:00Z"))
    decided.write_bytes(b"".join(encode_decision(one) + b"\n" for one in run_of))
    return ["--month", "2026-03", "--events", str(told), "--decisions", str(decided)]


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["review", *words])


def test_the_report_has_its_fourteen_sections_in_order(files: list[str]) -> None:
    told = run(*files).stdout
    places = [told.index(f"{number}. {title}\n") for number, title in enumerate(SECTIONS, start=1)]
    assert places == sorted(places)


def test_what_direct_routing_would_have_saved_is_said_for_the_commonest_issue(
    files: list[str],
) -> None:
    issue = json.loads(run(*files, "--json").stdout)["issues"][0]
    assert issue["cause"] == "driver"
    assert issue["solved_by"] == "printing"
    # Two hours of the calendar that never closes for each of five P2 on the plan enterprise.
    assert (issue["detours"], issue["saved_s"], issue["hops"]) == (5, 5 * 7200, 5)


def test_a_cause_escalated_again_and_again_opens_an_action_with_owner_and_due_date(
    files: list[str],
) -> None:
    actions = json.loads(run(*files, "--json").stdout)["actions"]
    again = next(one for one in actions if one["metric"] == "cause.driver")
    assert again["owner"] == "quality_reviewer"
    assert again["due"] == "2026-04-15"


def test_a_note_that_says_nothing_stands_in_the_reviewers_list(files: list[str]) -> None:
    assert [one["by"] for one in json.loads(run(*files, "--json").stdout)["empty_notes"]] == ["tom"]


def test_numbers_of_few_cases_are_not_judged(files: list[str]) -> None:
    metrics = json.loads(run(*files, "--json").stdout)["metrics"]["Promises kept"]
    assert not any(one["judged"] for one in metrics)


def test_a_slice_without_tickets_is_an_empty_report(files: list[str]) -> None:
    found = json.loads(run(*files, "--plan", "standard", "--json").stdout)
    assert (found["created"], found["slice"]) == (0, "plan standard")


def printed(made: bytes) -> str:
    """Return the letters of all pages of a PDF file."""
    streams = re.findall(rb"/FlateDecode.*?stream\n(.*?)\nendstream", made, re.DOTALL)
    drawn = b"".join(zlib.decompress(one) for one in streams).decode("cp1252")
    return " ".join(re.findall(r"\((.*?)\) Tj", drawn))


@pytest.mark.parametrize("form", ["text", "markdown", "csv", "html", "pdf"])
def test_every_form_says_the_same_number(files: list[str], form: str) -> None:
    told = run(*files, "--format", form)
    assert told.exit_code == 0
    shown = printed(told.stdout_bytes) if form == "pdf" else told.stdout
    assert "5 created, 5 resolved" in shown


def test_what_the_tracker_serves_of_a_month_is_page_and_numbers(
    files: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "reviews"
    assert run(*files, "--into", str(folder)).exit_code == 0
    assert sorted(one.name for one in folder.iterdir()) == ["2026-03.html", "2026-03.json"]
    assert json.loads((folder / "2026-03.json").read_text("utf-8")) == json.loads(
        run(*files, "--json").stdout
    )
    assert "5 created, 5 resolved" in (folder / "2026-03.html").read_text("utf-8")
    since = ["--since", "2026-03-01T00:00:00Z", "--until", "2026-04-01T00:00:00Z"]
    other = [one for one in files if one not in ("--month", "2026-03")]
    assert run(*other, *since, "--into", str(folder)).exit_code == 2


def test_a_spreadsheet_takes_nothing_that_people_wrote_for_a_formula() -> None:
    section = Section("Causes", (), [Table(("cause",), [("=1+1",), ("a|b",)])])
    document = Document("Review", "", [section])
    assert list(csv.reader(io.StringIO(comma_separated(document))))[1][-1] == "'=1+1"
    assert "a\\|b" in markdown(document)


def test_a_pdf_holds_whatever_people_wrote_and_breaks_over_pages() -> None:
    hostile = ") Tj ET \\ endstream ✓ é Ж"
    wide = Table(("a", "b"), [(hostile, "word " * 800)] * 60)
    bars = Bars("Load", [("x" * 200, (3.0, 0.0)), ("y", (0.0, 1.0))], ("before", "after"))
    made = pdf(Document("Review Ж", "", [Section("Causes", (hostile,), [wide], [bars])]))
    assert made.startswith(b"%PDF-")
    assert made.rstrip().endswith(b"%%EOF")
    (pages,) = re.findall(rb"/Count (\d+)", made)
    assert int(pages) > 10


def test_a_month_that_is_none_is_named() -> None:
    assert "'2026-13' is no month; write 2026-10" in run("--month", "2026-13").output


@pytest.mark.parametrize(
    "words", [[], ["--month", "2026"], ["--month", "2026-03", "--zone", "Mars/Base"]]
)
def test_a_period_that_is_none_is_wrong_use(words: list[str]) -> None:
    assert run(*words).exit_code == 2


def test_a_form_comes_back_as_an_event_and_twice_as_the_same(tmp_path: Path) -> None:
    form = json.loads(run("ask", "desk:T0", "--escalation", "e1").stdout.splitlines()[-1])
    form["by"], form["at"] = "tom", "2026-03-03T10:00:00Z"
    form["answers"]["right"] = "yes"
    filled, out = tmp_path / "form.jsonl", tmp_path / "events.jsonl"
    filled.write_text(json.dumps(form) + "\n")
    assert run("import", str(filled), "-o", str(out)).exit_code == 0
    first = out.read_bytes()
    run("import", str(filled), "-o", str(out))
    assert decode_event(first.strip()).type == "feedback.given"
    assert from_json(first)["id"] == from_json(out.read_bytes())["id"]


def test_an_answer_that_nobody_asked_for_names_its_line(tmp_path: Path) -> None:
    filled = tmp_path / "form.jsonl"
    filled.write_text('{"form": "sender", "ticket": "desk:T0", "answers": {"fast": "perhaps"}}\n')
    refused = run("import", str(filled), "-o", str(tmp_path / "x"))
    assert refused.exit_code == 1
    assert "line 1" in refused.output
    assert "yes, no" in refused.output


async def test_a_form_that_intake_refuses_is_not_imported(tmp_path: Path) -> None:
    async def refuse(_: Request) -> Answer:
        problem = {"detail": "the ticket is another source's", "do": "Use its key."}
        taken = [{"status": 202, "id": "1"}, {"status": 403, "problem": problem}]
        return Answer(207, body=to_json(taken))

    filled = tmp_path / "form.jsonl"
    filled.write_text('{"form": "sender", "ticket": "desk:T0", "answers": {}}\n' * 2)
    async with http_peer(refuse) as intake:
        done = await asyncio.to_thread(run, "import", str(filled), "--intake", intake.url)
    assert done.exit_code == 1
    assert "the ticket is another source's. Use its key." in done.output


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ("[]", "it is no form"),
        ('{"form": ["sender"], "ticket": "desk:T0"}', "none of receiver"),
        ('{"form": "sender", "ticket": 5}', "ticket key"),
        ('{"form": "sender", "ticket": "desk:T0", "at": "yesterday"}', "yesterday"),
    ],
)
def test_a_form_that_is_none_names_its_line(tmp_path: Path, form: str, word: str) -> None:
    filled = tmp_path / "form.jsonl"
    filled.write_text(form + "\n")
    refused = run("import", str(filled), "-o", str(tmp_path / "x"))
    assert refused.exit_code == 1
    assert "line 1" in refused.output
    assert word in refused.output


def test_a_decision_closes_only_once_its_metric_was_measured_for_eight_weeks(
    tmp_path: Path,
) -> None:
    journal = ["--journal", str(tmp_path / "reviews.jsonl")]
    words = ["--owner", "t1_lead", "--due", "2026-04-01", "--metric", "reopen_rate"]
    assert run("decide", "Check fixes twice", *words, *journal, "--on", "2026-03-02").exit_code == 0
    close = ["close", "R1", "--result", "done, no effect", *journal]
    assert run(*close, "--on", "2026-05-01").exit_code == 1
    assert run("done", "R1", *journal, "--on", "2026-03-10").exit_code == 0
    assert "2026-05-05" in run(*close, "--on", "2026-05-04").output
    assert run(*close, "--on", "2026-05-05").exit_code == 0
    told = json.loads(run("follow", *journal, "--json").stdout)["decisions"]
    assert [(one["state"], one["result"]) for one in told] == [("closed", "done, no effect")]


def test_the_report_lists_what_was_decided_before(files: list[str], tmp_path: Path) -> None:
    journal = ["--journal", str(tmp_path / "reviews.jsonl")]
    run("decide", "Check fixes twice", "--owner", "t1_lead", "--due", "2026-04-01", *journal)
    assert "Check fixes twice" in run(*files, *journal).stdout


def test_an_action_names_the_open_decision_that_is_measured_by_the_same(
    files: list[str], tmp_path: Path
) -> None:
    journal = ["--journal", str(tmp_path / "reviews.jsonl")]
    words = ["--owner", "t1_lead", "--due", "2026-04-01", "--metric", "cause.driver"]

    def followed() -> list[str]:
        told = csv.reader(io.StringIO(run(*files, *journal, "--format", "csv").stdout))
        return [row[-1] for row in told if "driver escalated again and again" in row]

    assert followed() == ["–"]
    run("decide", "Ship the new driver", *words, *journal)
    assert followed() == ["R1"]


def test_working_days_leave_out_the_weekend() -> None:
    assert due_in(date(2026, 4, 1), 3) == date(2026, 4, 6)
