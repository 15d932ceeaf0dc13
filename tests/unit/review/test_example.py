"""The example in docs is what its commands write today."""

from __future__ import annotations

import gzip
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.demo.command import HISTORY
from cli.main import app
from tests.support.house import ROOT

EXAMPLE = ROOT / "docs" / "review-example.html"


def test_the_example_is_what_the_commands_of_its_page_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "review.md").read_text("utf-8")
    (block,) = re.findall(r"```sh\n(gunzip -c deploy/demo/.*?)```", page, re.DOTALL)
    unpack, *commands = block.replace("\\\n", "").strip().splitlines()
    (lines,) = re.findall(r"head -n (\d+) > first.csv", unpack)
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    with gzip.open(HISTORY, "rt", encoding="utf-8") as file:
        first = [next(file) for _ in range(int(lines))]
    Path("first.csv").write_text("".join(first), "utf-8")
    for command in commands:
        called, _, output = command.partition(" > ")
        name, *words = shlex.split(called)
        result = CliRunner().invoke(app, words)
        assert (name, result.exit_code) == ("tierline", 0), result.output
        if output:
            Path(output).write_bytes(result.stdout_bytes)
    assert Path("docs/review-example.html").read_text("utf-8") == EXAMPLE.read_text("utf-8")
