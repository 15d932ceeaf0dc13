"""A file of decisions, one JSON a line, as `tierline simulate` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic_core import from_json

from cli.output import WRONG_USE, fail
from shared.contract.decisions import DECISION_MODELS, DecisionEvent, decode_decision
from shared.contract.errors import InvalidEventError

_SNAPSHOT: Final = "case.snapshot"


def decision_file(command: str, file: Path) -> Iterator[DecisionEvent]:
    """Yield the decisions in *file* in their order; snapshots among them are passed over.

    A file that cannot be opened, or a line that is no decision, ends *command* with a message.
    """
    try:
        with file.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.isspace() or _is_snapshot(line):
                    continue
                try:
                    yield decode_decision(line)
                except InvalidEventError as error:
                    fail(command, f"{file}, line {number}: {error}")
    except OSError as error:
        fail(command, f"cannot read {file}: {error.strerror}", code=WRONG_USE)


def _is_snapshot(line: bytes) -> bool:
    if not line.startswith(b'{"type":"case.snapshot"'):
        return False
    kind = from_json(line)["type"]
    return kind == _SNAPSHOT and kind not in DECISION_MODELS
