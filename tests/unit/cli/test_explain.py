"""`tierline explain` on a file: what a support lead reads, and what it says to mistakes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic_core import from_json, to_json
from typer.testing import CliRunner

from cli.main import app
from shared.contract.events import TicketEvent
from tests.support.ticket_events import opened, replied

tierline = CliRunner()
AT = "2026-03-03T10:30:00Z"


def a_file(folder: Path, events: Sequence[TicketEvent]) -> str:
    path = folder / "events.jsonl"
    path.write_bytes(b"".join(to_json(one.model_dump(mode="json")) + b"\n" for one in events))
    return str(path)


@pytest.fixture
def events(tmp_path: Path) -> str:
    return a_file(tmp_path, [opened("2026-03-02T10:00:00Z"), replied("2026-03-02T12:30:00Z")])


def test_a_lead_reads_what_happened_what_comes_why_not_and_what_would_have_helped(
    events: str,
) -> None:
    done = tierline.invoke(app, ["explain", "desk:A", "--events", events, "--at", AT])
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    for wanted in (
        "At 2026-03-03 10:30 UTC desk:A is new, P3 (S3/I1), in tier 2, owned by olga.",
        "What happened, as known then",
        "The first response was due 2026-03-02 12:00 UTC: 30 min late.",
        "tier 1: 8 h (28800 s) of 8 h (28800 s) used on calendar emea",
        "Again 10 times, until 2026-03-03 10:00 UTC.",
        "What happens next, if nothing else is heard",
        "Why somebody was not told",
        "T01 asks for nothing on P3; on P2 they would be told.",
        "A public reply to the customer by 2026-03-02 12:00:00 UTC would have prevented"
        " the escalation to t1 lead",
    ):
        assert wanted in text, done.output


def test_what_somebody_wrote_cannot_command_the_terminal(tmp_path: Path) -> None:
    file = a_file(tmp_path, [opened("2026-03-02T10:00:00Z", title="a\x1b[31mb\u202ec")])
    done = tierline.invoke(app, ["explain", "desk:A", "--events", file])
    assert "a\ufffd[31mb\ufffdc" in done.output


def test_the_page_about_it_shows_what_is_really_printed(tmp_path: Path) -> None:
    page = Path("docs/explain.md").read_text("utf-8")
    told, command, printed = re.findall(r"^```(?:json|sh|text)\n(.*?)^```", page, re.M | re.S)[1:4]
    path = tmp_path / "ticket.jsonl"
    path.write_text(told)
    args = command.replace("ticket.jsonl", str(path)).split()[1:]
    assert tierline.invoke(app, args).output == printed


def test_as_json_it_has_everything_by_stable_keys(events: str) -> None:
    done = tierline.invoke(app, ["explain", "desk:A", "--events", events, "--json"])
    said = from_json(done.output)
    assert (said["ticket"], said["at"], said["view"]) == ("desk:A", "2026-03-02T12:30:00Z", "then")
    assert {"happened", "next", "not_told", "prevention", "timers", "escalations"} <= said.keys()


def test_standard_input_and_the_view_of_today_are_taken(events: str) -> None:
    text = Path(events).read_text()
    args = ["explain", "desk:A", "--events", "-", "--view", "now"]
    done = tierline.invoke(app, args, input=text)
    assert done.exit_code == 0, done.output
    assert "as known now" in done.output


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["desk:B"], 1, "does not open desk:B; it tells of desk:A"),
        (["desk:A", "--at", "2026-03-01T00:00:00Z"], 1, "it was opened at 2026-03-02T10:00:00Z"),
        (["desk:A", "--at", "yesterday"], 2, "write it as 2026-03-02T10:00:00Z"),
        (["desk:A", "--policy", "nope.yaml"], 1, "nope.yaml"),
    ],
)
def test_a_mistake_is_answered_with_what_would_do(
    events: str, args: list[str], code: int, said: str
) -> None:
    done = tierline.invoke(app, ["explain", *args, "--events", events])
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr


def test_a_line_that_is_no_event_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('\n{"type": 1}\n')
    done = tierline.invoke(app, ["explain", "desk:A", "--events", str(path)])
    assert done.exit_code == 1
    assert f"{path}, line 2" in done.stderr


def test_a_policy_without_a_file_of_events_is_wrong_use() -> None:
    done = tierline.invoke(app, ["explain", "desk:A", "--policy", "deploy/policy/default.yaml"])
    assert done.exit_code == 2
    assert "--events" in done.stderr


def test_nobody_there_is_said_with_what_to_do() -> None:
    done = tierline.invoke(app, ["explain", "desk:A", "--tracker", "http://127.0.0.1:9"])
    assert done.exit_code == 1
    assert "tierline up" in done.stderr
