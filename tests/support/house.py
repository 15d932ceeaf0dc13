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
    found = {words: command for words, command in commands() if not _is_group(command)}
    return found.get(tuple(words))


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command and group of commands of ``tierline``, with its words."""
    yield from _below(get_command(app), ())


def _below(group: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    # A group may load its commands when asked for them, so it is asked; the context is not needed.
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        yield (*words, name), command
        if _is_group(command):
            yield from _below(command, (*words, name))


def _is_group(command: Any) -> bool:
    return hasattr(command, "list_commands")
