"""Where role-plays and scripts lie, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cli.output import WRONG_USE, fail
from services.escalator.core.roleplay.loading import read_scenario, read_script
from services.escalator.core.roleplay.shape import Scenario, Script
from shared.mapping.file import MappingError
from shared.policy.document import Policy
from shared.policy.load import DEFAULT_POLICY, PolicyError, load_policy_file

TRAINING: Final = Path(__file__).parents[2] / "deploy" / "training"
"""What ships with Tierline: `roleplays`, `scripts` and `lessons`."""


def policy_of(command: str, file: Path | None) -> Policy:
    """Return the policy in *file*, by default the shipped one, or end *command* saying why not."""
    try:
        return load_policy_file(file or DEFAULT_POLICY)
    except PolicyError as error:
        fail(command, str(error))


def scenarios(command: str, folder: Path, policy: Policy) -> Iterator[Scenario]:
    """Yield the role-plays in *folder*, by name."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        fail(command, f"there is no role-play in {folder}; name another folder", code=WRONG_USE)
    for file in files:
        yield scenario_file(command, file, policy)


def scenario(command: str, name: str, folder: Path, policy: Policy) -> Scenario:
    """Return the role-play *name*: the id of one in *folder*, or a file."""
    file = Path(name) if name.endswith(".yaml") else folder / f"{name.upper()}.yaml"
    if not file.is_file():
        known = ", ".join(one.stem for one in sorted(folder.glob("*.yaml"))) or "none"
        fail(command, f"there is no role-play {name}; known: {known}", code=WRONG_USE)
    return scenario_file(command, file, policy)


def scenario_file(command: str, file: Path, policy: Policy) -> Scenario:
    """Return the role-play in *file*, or end *command* with every mistake in it."""
    try:
        return read_scenario(_text(command, file), name=str(file), policy=policy)
    except MappingError as error:
        fail(command, str(error))


def script(command: str, file: Path, of: Scenario) -> Script:
    """Return the script in *file*, or end *command* with every mistake in it."""
    try:
        return read_script(_text(command, file), of, name=str(file))
    except MappingError as error:
        fail(command, str(error))


def _text(command: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        fail(command, f"cannot read {file}: {error.strerror}", code=WRONG_USE)
    except UnicodeDecodeError:
        fail(command, f"{file} is not UTF-8 text", code=WRONG_USE)
