"""`tierline keys`, on a file."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.keys.command import app
from cli.keys.editing import with_entry
from cli.keys.storing import rewrite
from shared.access.keys import ApiKey, Scope
from shared.access.keys_file import load_keys
from shared.runtime.clock import real_now

BY_HAND = """\
# ours
keys:
  - name: old   # from before
    sha256: {hash}
    source: "*"
    scopes: [ingest, read]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


def run(file: Path, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [*words, "--file", str(file)], env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


def made(file: Path, *words: str) -> Any:
    code, said, error = run(file, *words, "--json")
    assert code == 0, error
    return json.loads(said)


def found(file: Path, key: str, *, in_s: float = 0) -> ApiKey | None:
    return load_keys(file).find(f"Bearer {key}", real_now() + timedelta(seconds=in_s))


def test_a_file_that_is_not_there_is_no_file_without_keys(file: Path) -> None:
    code, said, error = run(file, "list")
    assert (code, said) == (1, "")
    assert "No such file" in error


def test_a_key_is_shown_once_and_only_its_hash_is_kept(file: Path) -> None:
    key = made(file, "create", "Help Desk", "--source", "desk")["key"]
    assert key.startswith("tl_helpdesk_")
    assert key not in file.read_text("utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
    one = found(file, key)
    assert one is not None
    assert (one.name, one.source, one.roles) == ("Help Desk", "desk", None)
    assert set(one.scopes) == {Scope.INGEST}
    assert key not in run(file, "list")[1]


def test_scopes_roles_and_an_end_are_kept(file: Path) -> None:
    words = ["--source", "*", "--scope", "act", "--role", "t1_agent", "--role", "t1_lead"]
    key = made(file, "create", "bot", *words, "--expires-in", "2h")["key"]
    one = found(file, key)
    assert one is not None
    assert one.source is None
    assert set(one.roles or ()) == {"t1_agent", "t1_lead"}
    assert found(file, key, in_s=7199) is not None
    assert found(file, key, in_s=7201) is None


def test_a_name_has_one_key_until_it_is_rotated(file: Path) -> None:
    made(file, "create", "desk", "--source", "desk")
    code, _, said = run(file, "create", "desk", "--source", "desk")
    assert code == 1
    assert "tierline keys rotate desk" in said


def test_after_a_rotation_both_hold_until_the_overlap_is_over(file: Path) -> None:
    words = ["--source", "desk", "--scope", "act", "--role", "t1_agent"]
    old = made(file, "create", "bot", *words)["key"]
    new = made(file, "rotate", "bot", "--overlap", "1h")["key"]
    assert found(file, old, in_s=3590) is not None
    assert found(file, old, in_s=3610) is None
    one = found(file, new, in_s=10**9)
    assert one is not None
    assert one.source == "desk"
    assert one.scopes == {Scope.ACT}
    assert set(one.roles or ()) == {"t1_agent"}
    again = made(file, "rotate", "bot", "--overlap", "9h")["key"]
    # The first one keeps its end, the second gets one.
    assert found(file, old, in_s=3610) is None
    assert found(file, new, in_s=9 * 3600 + 10) is None
    assert found(file, again, in_s=10**9) is not None


def test_a_revoked_key_is_unknown_and_the_others_stay(file: Path) -> None:
    old = made(file, "create", "desk", "--source", "desk")
    new = made(file, "rotate", "desk")
    other = made(file, "create", "other", "--source", "other")["key"]
    assert made(file, "revoke", "desk", "--id", old["id"])["revoked"] == [old["id"]]
    assert found(file, old["key"]) is None
    assert found(file, new["key"]) is not None
    assert run(file, "revoke", "desk")[0] == 0
    assert found(file, new["key"]) is None
    assert found(file, other) is not None
    assert run(file, "revoke", "other")[0] == 0
    assert load_keys(file).all() == []


def test_what_somebody_wrote_into_the_file_stays(file: Path) -> None:
    file.write_text(BY_HAND.format(hash="a" * 64), encoding="utf-8")
    file.chmod(0o640)
    made(file, "create", "new", "--source", "desk")
    made(file, "rotate", "old", "--overlap", "1h")
    text = file.read_text("utf-8")
    assert text.startswith("# ours\nkeys:\n  - name: old   # from before\n")
    assert file.stat().st_mode & 0o777 == 0o640
    told = {one["name"]: one for one in made(file, "list")}
    assert set(told) == {"old", "new"}
    code, said, _ = run(file, "list")
    assert code == 0
    assert "aaaaaaaaaaaa" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["rotate", "nobody"], 1, "nobody called nobody"),
        (["revoke", "desk", "--id", "0000"], 1, "has no key 0000"),
        (["rotate", "desk", "--overlap", "soon"], 2, "is no duration"),
        (["create", "x", "--source", "s", "--scope", "fly"], 2, "fly"),
        (["create", "x", "--source", "s", "--role", "t1_agent"], 1, "in any role"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    file: Path, words: list[str], code: int, said: str
) -> None:
    made(file, "create", "desk", "--source", "desk")
    before = file.read_text("utf-8")
    found_code, _, error = run(file, *words)
    assert (found_code, said in error) == (code, True), error
    assert file.read_text("utf-8") == before
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_cannot_be_used_is_left_alone(file: Path) -> None:
    file.write_text("keys: [{name: a}]\n", encoding="utf-8")
    code, _, said = run(file, "create", "desk", "--source", "desk")
    assert code == 1
    assert "keys.yaml:1" in said
    assert file.read_text("utf-8") == "keys: [{name: a}]\n"


def test_commands_at_the_same_time_lose_nothing(file: Path) -> None:
    def add(number: int) -> None:
        entry = {"name": f"n{number}", "sha256": f"{number:064x}", "source": "desk"}
        rewrite(file, lambda text: with_entry(text, {**entry, "scopes": ["ingest"]}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert {one.name for one in load_keys(file).all()} == {f"n{number}" for number in range(40)}
