"""The secrets of a fresh installation: all that docker-compose.yml asks for, and nobody else's."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy import new_secrets
from shared.access.keys_file import load_keys
from shared.runtime.clock import real_now
from tests.support.compose import WRITTEN, defaults, required_variables
from tests.support.house import ROOT


def test_the_example_names_every_variable_and_the_defaults_of_those_that_have_one() -> None:
    rows = re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == defaults() | dict.fromkeys(required_variables(), "")


def test_fresh_secrets_are_all_that_is_needed(
    tmp_path: Path,
) -> None:
    assert new_secrets.main(["--into", str(tmp_path)]) == 0
    given = dict(row.split("=", 1) for row in (tmp_path / ".env").read_text("utf-8").splitlines())
    assert set(given) == required_variables()
    assert len(set(given.values())) == len(given)
    for secret in WRITTEN["secrets"].values():
        assert (tmp_path / secret["file"]).is_file()


def test_the_helpdesks_key_is_said_once_and_speaks_for_its_source_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_secrets.main(["--into", str(tmp_path), "--source", "service-now"])
    keys = load_keys(tmp_path / "deploy/secrets/intake-keys.yaml")
    (said,) = re.findall(r"tl_\S+", capsys.readouterr().out)
    found = keys.find(f"Bearer {said}", real_now())
    assert found is not None
    assert found.source == "service-now"
    assert set(found.scopes) == {"ingest"}


def test_the_notifiers_key_is_known_to_intake_and_speaks_for_any_source(tmp_path: Path) -> None:
    new_secrets.main(["--into", str(tmp_path)])
    keys = load_keys(tmp_path / "deploy/secrets/intake-keys.yaml")
    key = (tmp_path / "deploy/secrets/notifier-intake-key").read_text("utf-8").strip()
    found = keys.find(f"Bearer {key}", real_now())
    assert found is not None
    assert found.source is None


def test_secrets_that_are_there_are_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_secrets.main(["--into", str(tmp_path)])
    before = (tmp_path / ".env").read_text("utf-8")
    assert new_secrets.main(["--into", str(tmp_path)]) == new_secrets.EXIT_THERE
    assert (tmp_path / ".env").read_text("utf-8") == before
    assert "nothing was written" in capsys.readouterr().err


def test_secrets_are_kept_from_other_users_of_the_host(tmp_path: Path) -> None:
    new_secrets.main(["--into", str(tmp_path)])
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert (tmp_path / "deploy/secrets").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("path", [".env", "deploy/secrets/intake-keys.yaml"])
def test_secrets_are_not_committed(path: str) -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False)
    assert ignored.returncode == 0
