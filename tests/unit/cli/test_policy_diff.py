"""`tierline policy diff` between files: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.policy.load import DEFAULT_POLICY, edited, load_policy_file

tierline = CliRunner()
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the next version: tier 1 of two cells is shorter, and T09 does nothing on P2."""
    edits = {
        "cells.S4.I1.t1_max": "20h",
        "cells.S4.I2.t1_max": "20h",
        "triggers.T09_resolve_75.P2.to": "hold",
    }
    file = tmp_path_factory.mktemp("policies") / "newer.yaml"
    file.write_text(edited(load_policy_file(DEFAULT_POLICY), edits).text)
    return file


def test_what_changes_is_told_by_group(newer: Path) -> None:
    done = tierline.invoke(app, ["policy", "diff", str(DEFAULT_POLICY), str(newer)])
    assert (done.exit_code, done.stdout) == (
        1,
        "default version 1 → default version 2: 2 changes\n"
        "\n"
        "Cells\n"
        "  S4 × I1, I2: dwell tier 1 from 40 h to 20 h\n"
        "\n"
        "Triggers\n"
        "  T09 resolve 75 P2: goes from up to hold\n",
    )


def test_what_changes_comes_as_json(newer: Path) -> None:
    done = tierline.invoke(app, ["policy", "diff", str(DEFAULT_POLICY), str(newer), "--json"])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["same"]) == (1, False)
    assert (found["before"]["version"], found["after"]["version"]) == (1, 2)
    assert found["changes"][0] == {
        "title": "Cells",
        "text": "S4 × I1, I2: dwell tier 1 from 40 h to 20 h",
        "before": "40 h",
        "after": "20 h",
        "paths": ["cells.S4.I1.t1_max", "cells.S4.I2.t1_max"],
    }


def test_the_same_rules_are_exit_code_0(newer: Path) -> None:
    done = tierline.invoke(app, ["policy", "diff", str(newer), str(newer)])
    assert (done.exit_code, done.stdout) == (
        0,
        "default version 2 and default version 2 mean the same.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a.yaml", "b.yaml", "c.yaml"], "name OLD and NEW"),
        (["--live", "a.yaml", "b.yaml"], "NEW alone with --live"),
        (["a.yaml", "b.yaml", "--at", "2026-03-02T14:00:00Z"], "add --live"),
        (["--live", "a.yaml", "--at", "tomorrow"], "write it as 2026-03-02T14:00:00Z"),
        (["missing.yaml", str(DEFAULT_POLICY)], "missing.yaml: error: No such file"),
        ([str(DEFAULT_POLICY), "--escalator", NOBODY], "does not answer"),
        (["--live", str(DEFAULT_POLICY), "--escalator", NOBODY], "does not answer"),
    ],
)
def test_what_cannot_be_said_is_exit_code_2(arguments: list[str], told: str) -> None:
    done = tierline.invoke(app, ["policy", "diff", *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_broken_policy_is_not_applied_and_nobody_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(DEFAULT_POLICY.read_text().replace("t1_max: 16h", "t1_max: 16", 1))
    arguments = ["policy", "apply", str(file), "--intake", NOBODY, "--escalator", NOBODY]
    done = tierline.invoke(app, arguments)
    assert done.exit_code == 1
    assert "cells.S3.I1.t1_max: `16` is not a length of time" in done.stderr
    as_json = json.loads(tierline.invoke(app, [*arguments, "--json"]).stdout)
    assert (as_json["applied"], as_json["errors"][0]["key"]) == (False, "cells.S3.I1.t1_max")


def test_a_system_that_does_not_answer_is_told_by_its_address(newer: Path) -> None:
    done = tierline.invoke(app, ["policy", "apply", str(newer), "--escalator", NOBODY])
    assert (done.exit_code, f"{NOBODY}/v1/policies does not answer" in done.stderr) == (1, True)
    done = tierline.invoke(app, ["policy", "history", "--escalator", NOBODY])
    assert (done.exit_code, f"{NOBODY}/v1/policies does not answer" in done.stderr) == (1, True)
