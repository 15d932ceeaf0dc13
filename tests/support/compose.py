"""docker-compose.yml as a container engine would read it, with every variable filled in."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.support.house import ROOT

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}")

WRITTEN: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
"""The file, its merges done, its variables as written."""


def required_variables() -> set[str]:
    """Return the variables without which nothing starts."""
    return {name for name, kind, _ in _variables() if kind == "?"}


def defaults() -> dict[str, str]:
    """Return what the file takes for each of the other variables where it is not set."""
    return {name: text for name, kind, text in _variables() if kind != "?"}


def filled(environ: Mapping[str, str]) -> Any:
    """Return the file with its variables from *environ*, or their defaults."""
    return _filled(WRITTEN, environ)


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of *service* as the process sees it."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def _variables() -> list[tuple[str, str, str]]:
    text = yaml.safe_dump(WRITTEN, width=10_000)
    found = _VARIABLE.finditer(text)
    return [(one["name"], one["kind"] or "?", one["text"] or "") for one in found]


def _filled(part: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {name: _filled(value, environ) for name, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, environ) for value in part]
    if not isinstance(part, str):
        return part

    def value(found: re.Match[str]) -> str:
        default = found["text"] if found["kind"] == "-" else None
        given = environ.get(found["name"]) or default
        assert given is not None, f"{found['name']} is not set"
        return given

    return _VARIABLE.sub(value, part)
