"""Lessons follow the policy; questions are marked; certificates come, end and are renewed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.handbook.filling import filler
from cli.handbook.site import pages
from cli.handbook.sources import SOURCES, pages_in
from cli.main import app
from cli.roleplay.library import TRAINING
from cli.training.certificates import certificate
from cli.training.cover import team
from cli.training.library import curriculum
from cli.training.quiz import drawn, filled, right_ones
from cli.training.records import Record, UnreadableRecordError, append, read
from cli.training.shape import TrainingPath
from services.notifier.roster_file import load_roster, load_roster_file
from shared.mapping.file import MappingError
from shared.policy.load import DEFAULT_POLICY, edited, load_policy_file
from shared.runtime.clock import real_now

POLICY = load_policy_file(DEFAULT_POLICY)
ROSTER = load_roster_file(Path(__file__).parents[3] / "deploy" / "roster" / "default.yaml")
FOUND = curriculum(TRAINING, POLICY)
FILL = filler(POLICY, ROSTER)
NOON = real_now().replace(hour=12)
QUESTIONS = [one for lesson in FOUND.lessons.values() for one in lesson.questions]


@pytest.fixture(autouse=True)
def _not_around_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one test see one day: which questions are drawn depends on it."""
    monkeypatch.setattr("cli.training.answering.real_now", lambda: NOON)


def made(kind: str, item: str, at: str = "2026-11-01", *, passed: bool = True) -> Record:
    return Record.model_validate(
        {
            "at": f"{at}T10:00:00Z", "person": "ann", "roles": ["t1_agent"], "kind": kind,
            "item": item, "points": 90.0, "passed": passed, "policy": "default 1",
        }
    )  # fmt: skip


def path(**more: Any) -> TrainingPath:
    plain = {"name": "Tier 1", "roles": ["t1_agent"], "lessons": ["B1"], "questions": 1, "pass": "80%", "renew": 6}  # fmt: skip
    return TrainingPath.model_validate(plain | more)


@pytest.mark.parametrize("one", QUESTIONS, ids=[one.id for one in QUESTIONS])
def test_every_question_has_one_right_choice_that_differs_from_the_others(one: Any) -> None:
    asked = filled(one, FILL)
    assert len(asked.choices) == len(one.choices)
    assert "{{" not in "".join([asked.ask, asked.why, *asked.choices])


def test_what_a_lesson_says_to_read_is_in_the_handbook() -> None:
    anchors = {one.source.name: one.anchors() for one in pages(pages_in(SOURCES), POLICY, ROSTER)}
    for lesson in FOUND.lessons.values():
        for place in lesson.read:
            page, _, anchor = place.partition("#")
            assert not anchor or anchor in anchors[page], place


def test_the_basics_draw_twenty_questions_from_eighty() -> None:
    basics = FOUND.paths["A"]
    known = sum(len(FOUND.lessons[name].questions) for name in basics.lessons)
    assert (basics.questions, known) == (20, 80)


def test_every_role_play_belongs_to_a_path() -> None:
    asked = {play for one in FOUND.paths.values() if one.roleplays for play in one.roleplays.of}
    assert asked == {file.stem for file in (TRAINING / "roleplays").glob("*.yaml")}


@pytest.mark.parametrize(
    ("setting", "value", "question", "said"),
    [
        ("departments.engineering.ola.P2.acknowledge", "55m", "C2-1", "55 min"),
        ("policy.past_due_grace_on_policy_change", "12m", "H1-1", "after 12 min"),
    ],
)
def test_the_right_answer_follows_the_policy(
    setting: str, value: str, question: str, said: str
) -> None:
    changed = filler(edited(POLICY, {setting: value}), ROSTER)
    (one,) = [one for one in QUESTIONS if one.id == question]
    asked = filled(one, changed)
    assert asked.choices[asked.answer - 1] == said
    assert filled(one, FILL).choices != asked.choices


def test_a_wrong_choice_that_becomes_right_is_left_out() -> None:
    changed = filler(edited(POLICY, {"cells.S2.I1.t1_max": "16h"}), ROSTER)
    (one,) = [one for one in QUESTIONS if one.id == "A1-2"]
    asked = filled(one, changed)
    assert len(asked.choices) == len(one.choices) - 1
    assert asked.choices[asked.answer - 1] == "16 h"


def test_the_same_draw_for_the_same_person_and_day_and_every_answer_is_marked() -> None:
    lessons = list(FOUND.lessons.values())
    asked = drawn(lessons, 20, FILL, seed="ann|A|2026-11-01")
    assert asked == drawn(lessons, 20, FILL, seed="ann|A|2026-11-01")
    assert asked != drawn(lessons, 20, FILL, seed="ben|A|2026-11-01")
    assert len({one.id for one in asked}) == 20
    assert all(right_ones(asked, [one.answer for one in asked]))
    assert not any(right_ones(asked, [None for _ in asked]))


def test_a_certificate_comes_with_the_last_thing_and_ends_with_the_first() -> None:
    wanted = path(roleplays={"of": ["R01", "R02", "R05"], "at_least": 2}, signed=["shadow_week"])
    records = [made("quiz", "B"), made("roleplay", "R01", "2026-10-31")]
    today = date(2026, 11, 2)
    assert certificate("B", wanted, records, today).lacking == (
        "shadow week, signed", "2 of R01, R02, R05",
    )  # fmt: skip
    records += [made("roleplay", "R02", passed=False), made("signed", "shadow_week")]
    assert certificate("B", wanted, records, today).state == "missing"
    records.append(made("roleplay", "R05", "2026-11-02"))
    held = certificate("B", wanted, records, today)
    assert (held.state, held.until, held.lacking) == ("valid", date(2027, 4, 30), ())


@pytest.mark.parametrize(
    ("today", "state"),
    [
        (date(2027, 4, 1), "valid"),
        (date(2027, 4, 2), "renew"),
        (date(2027, 5, 1), "renew"),
        (date(2027, 5, 2), "expired"),
    ],
)
def test_a_certificate_is_to_be_renewed_a_month_before_it_ends(today: date, state: str) -> None:
    assert certificate("B", path(), [made("quiz", "B")], today).state == state


def test_a_newer_pass_renews() -> None:
    records = [made("quiz", "B"), made("quiz", "B", "2027-05-01")]
    assert certificate("B", path(), records, date(2027, 5, 2)).state == "valid"


def test_records_are_added_and_never_changed(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "records.jsonl"
    assert read(file) == []
    append(file, made("quiz", "B", "2026-11-03"))
    first = file.read_bytes()
    append(file, made("quiz", "A", "2026-11-01"))
    assert file.read_bytes().startswith(first)
    assert [one.item for one in read(file)] == ["A", "B"]
    file.write_bytes(first + b'{"at": "soon"}\n')
    with pytest.raises(UnreadableRecordError, match="line 2"):
        read(file)


def test_a_mistake_in_the_paths_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "lessons").mkdir()
    (tmp_path / "roleplays").mkdir()
    text = "paths:\n  basics:\n    name: Basics\n    roles: [everyon]\n    lessons: [A9]\n    questions: 1\n    pass: 80%\n    renew: 12\n"
    (tmp_path / "paths.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        curriculum(tmp_path, POLICY)
    said = str(caught.value)
    assert "paths.yaml:4: error: paths.basics.roles.0: `everyon` is no role. Did you mean" in said
    assert "paths.yaml:5: error: paths.basics.lessons.0: there is no lesson `A9`" in said


def said(records: Path, *words: str, given: str | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["training", "--records", str(records), *words], input=given)
    return done.exit_code, done.stdout


def test_from_the_first_lesson_to_the_certificate(tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    code, out = said(records, "lessons", "--role", "legal_duty", "--json")
    assert (code, [one["id"] for one in json.loads(out)]) == (
        0,
        [*(f"A{n}" for n in range(1, 9)), "F1"],
    )
    for letter in ("A", "F"):
        lessons = [FOUND.lessons[name] for name in FOUND.paths[letter].lessons]
        seed = f"Lea|{letter}|{NOON.date()}"
        asked = drawn(lessons, FOUND.paths[letter].questions, FILL, seed=seed)
        answers = "".join(f"{one.answer}\n" for one in asked)
        words = ["quiz", letter, "--person", "Lea", "--role", "legal_duty"]
        assert said(records, *words, given=answers)[0] == 0
    result = tmp_path / "r06.json"
    script = str(TRAINING / "scripts" / "R06-perfect.yaml")
    ran = CliRunner().invoke(app, ["roleplay", "run", "R06", "--script", script, "--json"])
    result.write_text(ran.stdout, encoding="utf-8")
    assert said(records, "record", "--person", "Lea", "--result", str(result))[0] == 0
    code, out = said(records, "status", "--person", "Lea", "--json")
    states = {one["path"]: one["state"] for one in json.loads(out)["certificates"]}
    assert (code, states) == (0, {"A": "valid", "F": "valid"})


def test_a_quiz_that_is_failed_says_what_was_right(tmp_path: Path) -> None:
    code, out = said(tmp_path / "r.jsonl", "quiz", "B", "--person", "ann", given="9\n" * 6)
    assert code == 1
    assert "0 of 6 right, not passed (Tier 1)" in out
    assert [one.passed for one in read(tmp_path / "r.jsonl")] == [False]


def test_a_quiz_that_is_broken_off_is_not_failed(tmp_path: Path) -> None:
    code, _ = said(tmp_path / "r.jsonl", "quiz", "B", "--person", "ann", given="9\n" * 3)
    assert code == 2
    assert read(tmp_path / "r.jsonl") == []


def test_a_line_of_digits_is_a_wrong_answer(tmp_path: Path) -> None:
    given = "9\n" * 5 + "9" * 5000 + "\n"
    code, out = said(tmp_path / "r.jsonl", "quiz", "B", "--person", "ann", given=given)
    assert code == 1
    assert "0 of 6 right" in out


def test_the_team_view_shows_who_lacks_what(tmp_path: Path) -> None:
    code, out = said(tmp_path / "none.jsonl", "status", "--role", "t1_lead", "--json")
    rows = json.loads(out)["certificates"]
    assert code == 1
    assert {one["path"]: one["state"] for one in rows} == dict.fromkeys("ABE", "missing")
    assert {one["person"] for one in rows} == {"Tier 1 lead"}


def test_the_team_is_everybody_who_takes_turns_stands_in_or_is_in_a_group() -> None:
    roster = load_roster(
        """\
roster: {name: test, version: 1, zone: Europe/Vienna}
modes: {page: [email], chat: [email], email: [email], digest: [email]}
people:
  ana: {name: Ana Abel, email: ana@example.org}
  ben: {name: Ben Berg, email: ben@example.org}
  cleo: {name: Cleo Cole, email: cleo@example.org}
groups:
  tier-2: {name: Tier 2, email: t2@example.org, members: [cleo]}
roles:
  t1_lead: {schedule: leads}
  t2_specialist: tier-2
  head_of_support: cleo
  t3_lead: null
schedules:
  leads:
    layers: [{people: [ana], turn: weekly, start: 2026-03-02, handover: "09:00"}]
absences: [{who: ana, from: 2026-12-20, until: 2026-12-27, substitute: ben}]
"""
    )
    assert team(roster, [made("quiz", "B")]) == {
        "Ana Abel": {"t1_lead"},
        "Ben Berg": {"t1_lead"},
        "Cleo Cole": {"t2_specialist", "head_of_support"},
        "ann": {"t1_agent"},
    }


@pytest.mark.parametrize(
    "words",
    [
        ["quiz", "Z", "--person", "ann"],
        ["lessons", "--role", "boss"],
        ["lessons", "--show", "Z1"],
        ["record", "--person", "ann"],
        ["record", "--person", "ann", "--signed", "shadow_week", "--by", "ann"],
        ["record", "--person", "ann", "--signed", "shadow_weak", "--by", "mona"],
        ["record", "--person", "ann", "--signed", "shadow_week", "--by", "mona", "--role", "boss"],
        ["quiz", "B", "--person", "ann", "--role", "boss"],
        ["status", "--role", "boss"],
        ["status", "--today", "soon"],
    ],
)
def test_wrong_use_is_told_apart(tmp_path: Path, words: list[str]) -> None:
    assert said(tmp_path / "r.jsonl", *words)[0] == 2
