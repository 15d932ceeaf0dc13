"""What the coming weeks of a roster hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.roster import app
from services.notifier.core.coverage import Clash, Hole, coverage, ladders_of
from services.notifier.core.picture import drawn_as_svg, drawn_in_text, page
from services.notifier.core.schedule import Span
from services.notifier.roster_file import load_roster
from shared.policy.load import DEFAULT_POLICY, load_policy_file

ROSTER = """\
roster: {name: test, version: 1}
modes: {page: [webhook], chat: [email], email: [email], digest: [email]}
people:
  ana: {name: Ana <Abel>, email: ana@example.org}
  ben: {name: Ben Berg, webhook: {url: "https://hooks.example.org/ben"}}
roles:
  t2_oncall: {schedule: first}
  t2_backup: {schedule: second}
  t2_lead: ben
schedules:
  first:
    layers:
      - people: [ana]
        turn: weekly
        start: 2026-03-02
        handover: "00:00"
        only: {weekdays: "00:00-24:00", sat: "00:00-12:00"}
  second:
    layers:
      - {people: [ben, ana], turn: daily, start: 2026-03-02, handover: "00:00"}
"""
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = Span(MONDAY, MONDAY + timedelta(days=7))
LADDER = [[("t2_oncall",), ("t2_backup",), ("t2_lead",)]]


def test_a_hole_is_told_with_its_roles_and_its_bounds() -> None:
    found = coverage(load_roster(ROSTER), WEEK, LADDER)
    noon = MONDAY + timedelta(days=5, hours=12)
    assert found.holes == (Hole("first", ("t2_oncall",), Span(noon, WEEK.end)),)
    assert not found.sound


def test_a_hole_with_somebody_to_fall_back_on_is_none() -> None:
    text = ROSTER.replace("{schedule: first}", "{schedule: first, to: ben}")
    assert coverage(load_roster(text), WEEK).holes == ()


def test_one_person_in_two_steps_of_a_ladder_is_told_for_as_long_as_it_lasts() -> None:
    clashes = coverage(load_roster(ROSTER), WEEK, LADDER).clashes or ()
    tuesday = Span(MONDAY + timedelta(days=1), MONDAY + timedelta(days=2))
    assert Clash("ana", ("t2_oncall", "t2_backup"), tuesday) in clashes
    assert Clash("ben", ("t2_backup", "t2_lead"), Span(MONDAY, tuesday.start)) in clashes


def test_whoever_has_none_of_the_ways_meant_for_a_mode_is_told() -> None:
    unmet = {
        (one.person, one.mode): one.instead for one in coverage(load_roster(ROSTER), WEEK).unmet
    }
    assert unmet[("ana", "page")] == ("email",)
    assert unmet[("ben", "email")] == ("webhook",)
    assert ("ben", "page") not in unmet


def test_loads_add_up_to_what_is_covered() -> None:
    found = coverage(load_roster(ROSTER), WEEK)
    assert {one.person: (one.hours, one.shifts) for one in found.loads} == {
        "ana": (5.5 * 24 + 3 * 24, 4),
        "ben": (4 * 24, 4),
    }


def test_the_picture_shows_a_letter_a_quarter_of_a_day_and_holes() -> None:
    lines = drawn_in_text(coverage(load_roster(ROSTER), WEEK)).splitlines()
    assert lines[1].split()[1:] == ["aaaa"] * 5 + ["aa!!", "!!!!"]
    assert lines[-1] == "a ana  b ben"


def test_the_drawing_has_a_bar_for_each_shift_and_no_bare_words() -> None:
    roster = load_roster(ROSTER)
    found = coverage(roster, WEEK, LADDER)
    svg = drawn_as_svg(found, roster.zone)
    assert svg.count("<rect") == sum(len(lane) for lane in found.lanes.values())
    assert "nobody, 2026-03-07 12:00" in svg
    drawn = page(found, roster.zone, "<script>")
    assert "<script" not in drawn
    assert "<h2>Holes</h2><ul><li>2026-03-07 12:00 to 2026-03-09 00:00 UTC" in drawn


def test_ladders_of_the_default_policy_are_those_of_every_tier_and_department() -> None:
    ladders = ladders_of(load_policy_file(DEFAULT_POLICY))
    assert any(ladder[:2] == (("t3_oncall",), ("t3_backup",)) for ladder in ladders)
    assert (("legal_duty",), ("legal_backup",), ("legal_head",)) in ladders


def test_the_shipped_roster_needs_no_mending() -> None:
    done = CliRunner().invoke(app, ["check", "deploy/roster/default.yaml", "--strict"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(("strict", "code"), [([], 0), (["--strict"], 1)])
def test_what_needs_mending_is_an_error_only_where_it_is_asked_for(
    tmp_path: Path, strict: list[str], code: int
) -> None:
    file, svg = tmp_path / "r.yaml", tmp_path / "r.svg"
    file.write_text(ROSTER, encoding="utf-8")
    asked = ["check", str(file), "--from", "2026-03-02T00:00:00Z", "--weeks", "1", *strict]
    done = CliRunner().invoke(app, [*asked, "--svg", str(svg)])
    assert done.exit_code == code, done.output
    assert "nobody from 2026-03-07 12:00 to 2026-03-09 00:00 UTC" in done.output
    assert svg.read_text(encoding="utf-8").startswith("<svg")


def test_who_answers_for_a_role_at_an_instant(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(ROSTER, encoding="utf-8")
    asked = ["who", str(file), "--role", "t2_oncall", "--at"]
    assert "Ana <Abel>" in CliRunner().invoke(app, [*asked, "2026-03-02T00:00:00Z"]).output
    assert CliRunner().invoke(app, [*asked, "2026-03-08T00:00:00Z"]).exit_code == 1
    assert CliRunner().invoke(app, [*asked, "2026-03-08"]).exit_code == 2
