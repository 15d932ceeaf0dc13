"""deploy/Dockerfile, held to the project: locked, pinned, without root, without what it needs not."""

import json
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

import pytest

from tests.support.house import PROJECT, ROOT, SERVICES


def _instructions() -> list[tuple[str, str]]:
    text = (ROOT / "deploy/Dockerfile").read_text("utf-8")
    rows = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    pairs = (row.strip().partition(" ") for row in rows if row.strip())
    return [(name, rest.strip()) for name, _, rest in pairs]


INSTRUCTIONS: Final = _instructions()
_STAGES: Final = [at for at, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM"]
IMAGE: Final = INSTRUCTIONS[_STAGES[-1] :]
RUNS: Final = [json.loads(rest) for name, rest in INSTRUCTIONS if name == "RUN"]


def _last(name: str) -> str:
    return [rest for found, rest in IMAGE if found == name][-1]


def test_every_stage_starts_from_the_one_pinned_python() -> None:
    (base,) = (rest for name, rest in INSTRUCTIONS if name == "ARG")
    found = re.fullmatch(r"PYTHON=python:(\d+)\.(\d+)\.\d+-slim-[a-z]+", base)
    assert found is not None
    assert f">={found[1]}.{found[2]}" == PROJECT["requires-python"]
    assert {INSTRUCTIONS[at][1].split()[0] for at in _STAGES} == {"${PYTHON}"}


def test_whatever_fetches_a_package_demands_its_hash() -> None:
    fetching = [words for words in RUNS if {"install", "sync", "build"} & set(words)]
    assert len(fetching) > 1
    for words in fetching:
        assert "--require-hashes" in words or "--offline" in words, " ".join(words)


def test_the_image_holds_the_locked_requirements_without_the_extras() -> None:
    (synced,) = (words for words in RUNS if "sync" in words)
    assert synced[-1] == "requirements/runtime.txt"


def test_nothing_is_built_in_the_image_itself() -> None:
    assert {name for name, _ in IMAGE} == {
        "FROM", "LABEL", "COPY", "ENV", "WORKDIR", "USER", "STOPSIGNAL", "CMD",
    }  # fmt: skip
    assert all(rest.startswith("--from=build ") for name, rest in IMAGE if name == "COPY")


def test_the_process_is_no_root_and_has_a_number() -> None:
    user, group = _last("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_process_is_stopped_by_the_signal_that_drains_it() -> None:
    assert _last("STOPSIGNAL") == "SIGTERM"


def test_the_command_is_run_without_a_shell() -> None:
    program, *words = json.loads(_last("CMD"))
    assert program in PROJECT["scripts"]
    assert words == ["--help"]


def test_what_is_copied_exists_and_reaches_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    for name, rest in INSTRUCTIONS:
        if name == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source.split("/")[0] in let_in, source


def test_secrets_never_reach_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    assert "!.env" not in lines
    assert lines.index("deploy/secrets") > lines.index("!deploy")


_BLOCKED: Final = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(name + " is not in the image", name=name)

sys.meta_path.insert(0, Absent())
{statement}
"""


def _only_in_extras() -> set[str]:
    """Return the modules that are installed here but not in the image."""
    locked = re.findall(
        r"^([a-z0-9._-]+)==", (ROOT / "requirements/runtime.txt").read_text("utf-8"), re.MULTILINE
    )
    kept = {_plain(name) for name in [*locked, PROJECT["name"]]}
    absent: set[str] = set()
    present: set[str] = set()
    for one in distributions():
        tops = {Path(file).parts[0].removesuffix(".py") for file in one.files or ()}
        (present if _plain(one.metadata["Name"]) in kept else absent).update(tops)
    return {top for top in absent - present if top.isidentifier()}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


_HELP: Final = "from cli.main import app; app({words} + ['--help'])"


@pytest.mark.parametrize(
    "statement",
    [
        *(f"import services.{service}.__main__" for service in SERVICES),
        *(_HELP.format(words=words) for words in (["migrate"], ["topics", "create"], [])),
    ],
)
def test_what_a_container_runs_needs_no_extra(statement: str) -> None:
    code = _BLOCKED.format(names=_only_in_extras(), statement=statement)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
