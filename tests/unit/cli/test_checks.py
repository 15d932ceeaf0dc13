"""`tierline policy check` and `tierline roster check`: what they say, and their exit codes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.policy.load import DEFAULT_POLICY

ROSTER = Path("deploy/roster/default.yaml")
tierline = CliRunner()


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    return tmp_path / "roster.yaml"


def test_the_shipped_policy_has_no_mistakes() -> None:
    done = tierline.invoke(app, ["policy", "check", str(DEFAULT_POLICY), "--strict"])
    assert (done.exit_code, done.output) == (0, f"{DEFAULT_POLICY}: no mistakes\n")


def test_an_error_of_a_policy_names_file_line_key_and_remedy(policy: Path) -> None:
    text = DEFAULT_POLICY.read_text("utf-8")
    policy.write_text(
        text.replace("past_due_grace_on_policy_change: 15m", "past_due_grace_on_policy_change: 15")
    )
    line = text.splitlines().index("  past_due_grace_on_policy_change: 15m") + 1
    done = tierline.invoke(app, ["policy", "check", str(policy)])
    assert done.exit_code == 1
    assert f"{policy}:{line}: error: policy.past_due_grace_on_policy_change" in done.stderr


def test_findings_of_policies_come_as_json_by_file(policy: Path) -> None:
    policy.write_text("policy: 7\n")
    done = tierline.invoke(app, ["policy", "check", str(DEFAULT_POLICY), str(policy), "--json"])
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (found[str(DEFAULT_POLICY)]["ok"], found[str(policy)]["ok"]) == (True, False)
    assert found[str(DEFAULT_POLICY)]["errors"] == found[str(DEFAULT_POLICY)]["warnings"] == []
    assert found[str(DEFAULT_POLICY)]["version"] == 1
    assert found[str(policy)]["errors"][0].keys() == {"line", "key", "message", "do"}


def test_a_policy_that_is_not_there_is_a_finding(policy: Path) -> None:
    done = tierline.invoke(app, ["policy", "check", str(policy)])
    assert (done.exit_code, f"{policy}: error" in done.stderr) == (1, True)


def test_a_warning_fails_only_when_strict(policy: Path) -> None:
    text = DEFAULT_POLICY.read_text("utf-8")
    policy.write_text(text.replace("resolve: 12h", "resolve: 20h"))
    loose = tierline.invoke(app, ["policy", "check", str(policy)])
    strict = tierline.invoke(app, ["policy", "check", str(policy), "--strict"])
    assert "warning: targets.premium.P2.resolve" in loose.stderr
    assert loose.stderr.splitlines()[-1] == f"{policy}: 0 errors, 1 warning"
    assert (loose.exit_code, strict.exit_code) == (0, 1)


def test_the_shipped_roster_fills_every_seat_of_the_shipped_policy() -> None:
    done = tierline.invoke(app, ["roster", "check", str(ROSTER), "--strict", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["empty_seats"]) == (0, [])


@pytest.mark.parametrize("gone", ["t3_lead", "legal_head", "owner"])
def test_a_role_that_nobody_holds_is_told_and_fails_only_when_strict(
    roster: Path, gone: str
) -> None:
    lines = ROSTER.read_text("utf-8").splitlines()
    kept = [line.replace(f", {gone}", "") for line in lines if not line.startswith(f"  {gone}:")]
    roster.write_text("\n".join(kept))
    loose = tierline.invoke(app, ["roster", "check", str(roster)])
    strict = tierline.invoke(app, ["roster", "check", str(roster), "--strict"])
    assert f"warning: {gone}: nobody holds it" in loose.stderr
    assert (loose.exit_code, strict.exit_code) == (0, 1)


def test_a_role_that_the_policy_never_asks_for_is_told(roster: Path) -> None:
    text = ROSTER.read_text("utf-8")
    roster.write_text(text.replace("\nroles:\n", "\nroles:\n  t1_leed: t1-lead\n"))
    done = tierline.invoke(app, ["roster", "check", str(roster)])
    assert "roles.t1_leed: no role of the policy" in done.stderr


def test_a_roster_that_cannot_be_used_names_line_and_key(roster: Path) -> None:
    text = ROSTER.read_text("utf-8")
    roster.write_text(text.replace("  t1_lead: t1-lead", "  t1_lead: nobody-known"))
    line = text.splitlines().index("  t1_lead: t1-lead") + 1
    done = tierline.invoke(app, ["roster", "check", str(roster)])
    assert done.exit_code == 1
    assert f"line {line}, roles.t1_lead" in done.stderr
