"""What the house consists of, read from the code itself: services, their settings, the commands."""

import importlib
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from cli.main import app
from shared.runtime.settings import RuntimeSettings

ROOT = Path(__file__).resolve().parents[2]

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
"""What the project says of itself."""

SERVICES = tuple(
    sorted(folder.name for folder in (ROOT / "services").iterdir() if (folder / "core").is_dir())
)
"""The services, by name."""


def settings_of(service: str) -> type[RuntimeSettings]:
    """Return the class of *service*'s settings."""
    found: type[RuntimeSettings] = importlib.import_module(f"services.{service}.settings").Settings
    return found


def command_at(words: Sequence[str]) -> Any | None:
    """Return the command that ``tierline`` *words* runs; None where there is none, or a group."""
    command: Any = get_command(app)
    for word in words:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            return None
    return None if hasattr(command, "commands") else command


def commands() -> Iterator[tuple[str, ...]]:
    """Yield every command of ``tierline``, and every group of commands, as its words."""

    def below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, inner in getattr(command, "commands", {}).items():
            yield (*words, name)
            yield from below(inner, (*words, name))

    yield from below(get_command(app), ())
