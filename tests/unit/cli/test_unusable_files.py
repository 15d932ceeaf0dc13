"""Every command that reads a file, given one that it cannot use: a sentence, and nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from cli.main import app

FILES: Final = {
    "absent": None,
    "empty": b"",
    "binary": b"\x00\x9f\xff\xfe not text",
    "a list": b"[]",
    "nothing": b"null",
    "another's": b'{"specversion": "1.0", "id": "1", "form": []}',
    "too deep": b"[" * 20_000,
}
COMMANDS: Final = (
    "import FILE",
    "import FILE --mapping FILE",
    "keys list --file FILE",
    "keys rotate desk --file FILE",
    "keys revoke desk --file FILE",
    "keys list --file KEYS --intake http://127.0.0.1:1 --key-file FILE",
    "hooks test zendesk FILE",
    "simulate FILE",
    "simulate EVENTS --policy FILE",
    "explain desk:A --events FILE",
    "review --month 2026-03 --events FILE --decisions FILE",
    "review import FILE",
    "review import FORMS --key-file FILE --intake http://127.0.0.1:1",
    "review done R1 --journal FILE",
    "backtest --history EVENTS --policy FILE",
    "backtest --history EVENTS --calendar FILE",
    "backtest --history EVENTS --new-roster FILE",
    "bundle replay FILE",
    "bundle export desk:A --events EVENTS --key FILE --out OUT",
    "policy check FILE",
    "policy apply POLICY --key-file FILE --escalator http://127.0.0.1:1",
    "roleplay run R01 --script FILE",
    "roleplay run R01 --roster FILE",
    "raci --roster FILE",
    "training --records FILE status",
    "roster check FILE",
    "roster who FILE",
)
NOT_FOR_PEOPLE: Final = (
    "Traceback",
    "[Errno 2",
    "Error(",
    "codec",
    "pydantic",
    "cryptography.io",
    "object has no attribute",
    "validation error",
    "instance of",
    "unhashable",
)
EVENT: Final = (
    '{"specversion":"1.0","id":"1","source":"desk","type":"ticket.opened","subject":"A",'
    '"time":"2026-03-02T09:00:00Z","data":{"title":"Totals differ","severity":"S3"}}\n'
)


def placed(folder: Path, content: bytes | None) -> dict[str, str]:
    """Return the words of `COMMANDS` that stand for files, and what they stand for in *folder*."""
    named = {
        "FILE": folder / "named",
        "EVENTS": folder / "events.jsonl",
        "FORMS": folder / "forms.jsonl",
        "KEYS": folder / "keys.yaml",
        "POLICY": folder / "policy.yaml",
        "OUT": folder / "out.json",
    }
    if content is not None:
        named["FILE"].write_bytes(content)
    named["EVENTS"].write_text(EVENT)
    named["FORMS"].write_text('{"form": "sender", "ticket": "desk:A", "answers": {}}\n')
    named["KEYS"].write_text("keys: []\n")
    named["POLICY"].write_bytes(Path("deploy/policy/default.yaml").read_bytes())
    return {word: str(path) for word, path in named.items()}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_none_is_told_in_words(
    tmp_path: Path, command: str, content: bytes | None
) -> None:
    named = placed(tmp_path, content)
    words = [named.get(word, word) for word in command.split()]
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in {0, 1, 2}
    said = done.output.replace(str(tmp_path), "")
    assert [word for word in NOT_FOR_PEOPLE if word in said] == [], said


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    for command in COMMANDS:
        named = {**placed(tmp_path, None), "FILE": str(tmp_path)}
        done = CliRunner().invoke(app, [named.get(word, word) for word in command.split()])
        assert done.exception is None or isinstance(done.exception, SystemExit), command
        assert done.exit_code in {1, 2}, command
        assert "[Errno 2" not in done.output, command
