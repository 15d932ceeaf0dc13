"""The twelve role-plays on the real engine: perfect, poor and silent trainees, and the marks."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.roleplay.library import TRAINING
from services.escalator.core.roleplay.loading import read_scenario, read_script
from services.escalator.core.roleplay.run import run
from services.escalator.core.roleplay.scoring import Score, score
from services.escalator.core.roleplay.shape import Scenario, Script, Verdict
from services.escalator.core.roleplay.stage import Stage
from shared.contract.times import Instant
from shared.mapping.file import MappingError
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, edited, load_policy_file

POLICY = load_policy_file(DEFAULT_POLICY)
POLICIES = PolicyTimeline([(Instant(0), POLICY)])
IDS = [f"R{n:02}" for n in range(1, 13)]
QUICK = [one for one in IDS if one != "R12"]  # a storm takes seconds, and shows nothing more here


def scenario(name: str) -> Scenario:
    file = TRAINING / "roleplays" / f"{name}.yaml"
    return read_scenario(file.read_text("utf-8"), name=file.name, policy=POLICY)


def script(name: str, kind: str) -> Script:
    file = TRAINING / "scripts" / f"{name}-{kind}.yaml"
    return read_script(file.read_text("utf-8"), scenario(name), name=file.name)


def marked(name: str, acts: Script | None) -> tuple[Stage, Score]:
    found = scenario(name)
    stage = run(found, () if acts is None else acts.acts, POLICIES)
    return stage, score(found, stage.transcript, POLICY)


@pytest.mark.parametrize("name", IDS)
def test_a_perfect_trainee_gets_every_point(name: str) -> None:
    stage, marks = marked(name, script(name, "perfect"))
    assert marks.lost == {}
    assert (marks.points, marks.passed) == (100.0, True)
    assert [one.name for one in stage.transcript if one.kind == "act" and one.refused] == []


@pytest.mark.parametrize("name", IDS)
def test_a_poor_trainee_loses_what_the_script_says_and_for_that_reason(name: str) -> None:
    poor = script(name, "poor")
    _, marks = marked(name, poor)
    assert marks.lost == poor.loses
    assert not marks.passed
    for one in (*marks.expected, *marks.forbidden):
        assert one.reason
        assert one.why


@pytest.mark.parametrize("name", IDS)
def test_the_poor_script_shows_everything_that_is_forbidden(name: str) -> None:
    forbidden = {one.id for one in scenario(name).never}
    assert forbidden <= script(name, "poor").loses.keys()


@pytest.mark.parametrize("name", QUICK)
def test_a_silent_trainee_gets_next_to_nothing(name: str) -> None:
    _, marks = marked(name, None)
    assert marks.points <= 20


@pytest.mark.parametrize("name", QUICK)
def test_the_same_acts_give_the_same_transcript(name: str) -> None:
    acts = script(name, "poor")
    assert marked(name, acts)[0].transcript == marked(name, acts)[0].transcript


@pytest.mark.parametrize("name", QUICK)
def test_the_transcript_tells_in_the_order_of_time(name: str) -> None:
    stage, _ = marked(name, script(name, "perfect"))
    times = [one.at for one in stage.transcript]
    assert times == sorted(times)


def test_an_act_at_its_last_second_is_in_time_and_a_second_later_half() -> None:
    text = (TRAINING / "scripts" / "R04-perfect.yaml").read_text("utf-8")
    for at, points in (("T+0:15:00", 30), ("T+0:15:01", 15), ("T+0:22:30", 15), ("T+0:22:31", 0)):
        moved = text.replace("T+0:12, seat: t3_lead", f"{at}, seat: t3_lead")
        lines = moved.splitlines()
        head, rest = lines[:3], sorted(lines[3:], key=lambda line: line.split("at: ")[1][:9])
        late = read_script("\n".join([*head, *rest]), scenario("R04"), name="late")
        _, marks = marked("R04", late)
        assert next(one for one in marks.expected if one.id == "ack").points == points


def test_only_the_seats_that_are_taken_are_scored() -> None:
    found = scenario("R02")
    acts = [one for one in script("R02", "perfect").acts if one.seat == "t1_agent"]
    marks = score(found, run(found, acts, POLICIES).transcript, POLICY, seats=["t1_agent"])
    assert {one.seat for one in marks.expected} == {"t1_agent"}
    assert marks.points == 100


def test_a_trainer_can_take_the_points_of_what_only_a_person_can_judge() -> None:
    found, acts = scenario("R01"), script("R01", "perfect").acts
    verdict = Verdict(item="pressure", met=False, reason="It was not polite.")
    marks = score(found, run(found, acts, POLICIES).transcript, POLICY, judged=[verdict])
    assert marks.lost == {"pressure": 20}
    (item,) = [one for one in marks.expected if one.id == "pressure"]
    assert (item.judge, item.reason) == (True, "the trainer: It was not polite.")


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("points: 15", "points: 14", "expect: the expectations are worth 99 points together"),
        ("seats: [t1_agent]", "seats: [t1_agnt]", "`t1_agnt` is no role of the policy. Did you"),
        ("by: T+0:20", "by: 20m", "expect.0.by: `20m` is no time of a role-play"),
        ("needs: [{act: link", "needs: [{act: lnk", "expect.1.needs.0.act: `lnk` is no act"),
        ("level: 1", "level: 9", "level"),
        ("teaches:", "teeches:", "`teeches` is not a key here"),
        ("severity: S3, affected", "severity: S9, affected", "inject.0.data.severity"),
        ("event: ticket.opened", "event: ticket.open", "inject.0.event: `ticket.open` is no event"),
    ],
)
def test_a_mistake_is_named_with_line_and_key(was: str, becomes: str, said: str) -> None:
    text = (TRAINING / "roleplays" / "R01.yaml").read_text("utf-8")
    with pytest.raises(MappingError) as caught:
        read_scenario(text.replace(was, becomes, 1), name="R01.yaml", policy=POLICY)
    assert said in str(caught.value)
    assert all(one.line is not None for one in caught.value.findings)


def test_a_script_for_a_seat_that_is_not_there_is_refused() -> None:
    text = "roleplay: R01\nabout: Somebody else.\nacts:\n  - {at: T+0:01, seat: t3_lead, act: note, text: Hello}\n"
    with pytest.raises(MappingError, match=r"acts\.0\.seat: `t3_lead` has no seat in R01"):
        read_script(text, scenario("R01"), name="script")


@pytest.mark.parametrize("name", ["R07", "R10"])
def test_a_case_of_more_than_six_hours_is_played_in_less_than_a_minute(name: str) -> None:
    """It takes about two seconds, so the limit says nothing of the machine: time is not waited for."""
    script = str(TRAINING / "scripts" / f"{name}-perfect.yaml")
    words = ["roleplay", "run", name, "--script", script, "--json"]
    tierline = str(Path(sys.executable).with_name("tierline"))
    done = subprocess.run([tierline, *words], check=True, capture_output=True, timeout=60)
    told = json.loads(done.stdout)
    first, last = (datetime.fromisoformat(told["transcript"][n]["at"]) for n in (0, -1))
    assert last - first >= timedelta(hours=6)
    assert told["points"] == 100


def said(*words: str, given: str | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["roleplay", *words], input=given)
    return done.exit_code, done.output


def test_the_list_has_all_twelve() -> None:
    code, out = said("list", "--json")
    assert code == 0
    assert [one["id"] for one in json.loads(out)] == IDS


def test_a_run_as_json_says_whom_it_would_have_called() -> None:
    file = str(TRAINING / "scripts" / "R04-perfect.yaml")
    code, out = said("run", "R04", "--script", file, "--json")
    result: dict[str, Any] = json.loads(out)
    assert code == 0
    assert result["points"] == 100
    first = next(one for one in result["would_have_called"] if one["role"] == "t3_oncall")
    assert (first["at"], first["person"], first["mode"]) == ("T+0:00", "Tier 3 on call", "page")
    assert any(one["kind"] == "decision" for one in result["transcript"])


def test_a_run_that_is_not_passed_ends_with_1() -> None:
    code, out = said("run", "R01", "--script", str(TRAINING / "scripts" / "R01-poor.yaml"))
    assert code == 1
    assert "Why: " in out


def test_acts_typed_at_the_prompt_count_like_those_of_a_script() -> None:
    typed = [
        "pass 12m",
        'note about=severity text="Stays S3: the export works, only the zone is wrong."',
        "link kind=knowledge to=KB-210",
        'reply text="We rank by the effect on your work; please try the steps of KB-210." next_update=2026-03-02T10:00:00Z',
        "nonsense",
        'reply text="no end',
        "case",
        "help reply",
        "next",
        "pass 10m",
        "resolve cause_class=configuration knowledge_url=KB-210 confirmed=true",
        "end",
    ]
    code, out = said("run", "R01", given="\n".join(typed))
    assert "R01 Solve it here: 100 of 100 points, passed" in out
    assert code == 0


def test_check_says_what_another_policy_costs_a_perfect_trainee(tmp_path: Path) -> None:
    for name in ("R02", "R07"):
        source = TRAINING / "roleplays" / f"{name}.yaml"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    assert said("check", "--folder", str(tmp_path))[0] == 0
    stricter = tmp_path / "policies" / "mine.yaml"
    stricter.parent.mkdir()
    stricter.write_text(edited(POLICY, {"cells.S2.I2.t1_max": "30m"}).text, encoding="utf-8")
    code, out = said("check", "--folder", str(tmp_path), "--policy", str(stricter), "--json")
    found = {one["id"]: one["lost"] for one in json.loads(out)["roleplays"]}
    assert code == 1
    assert found == {"R02": {"raised": 30, "waited": 20}, "R07": {}}


@pytest.mark.parametrize("words", [["run", "R99"], ["show", "R99"], ["run", "R01", "--seat", "x"]])
def test_wrong_use_is_told_apart(words: list[str]) -> None:
    assert said(*words)[0] == 2


def test_a_role_play_has_no_way_to_topics_databases_metrics_or_people() -> None:
    program = "import cli.roleplay.command, sys; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    doors = {"aiokafka", "aiosmtplib", "asyncpg", "httpx2", "prometheus_client", "sqlalchemy"}
    assert loaded & (doors | {"apprise", "slack_sdk", "fastapi", "uvicorn"}) == set()
