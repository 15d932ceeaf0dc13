"""The repository as the house's own checks see it: tracked files, and modules as syntax trees."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHIPPED = ("shared", "services", "cli", "tierline")


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file of ours.

    Attributes:
        name: As it is imported, `services.intake.api`.
        path: Relative to the repository.
        tree: Its syntax tree.
    """

    name: str
    path: Path
    tree: ast.Module

    def where(self, node: ast.AST) -> str:
        """Return `path:line` of *node*."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"

    def imports(self) -> Iterator[tuple[ast.AST, str]]:
        """Give every module that this one imports, wherever in the file, with its place."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node, alias.name
            elif isinstance(node, ast.ImportFrom):
                yield node, node.module or ""

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Give every call whose function is a plain dotted name, with that name spelt in full.

        `datetime.now()` after `from datetime import datetime` is `datetime.datetime.now`.
        """
        known = dict(self._names())
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and (name := dotted(node.func)):
                first, _, rest = name.partition(".")
                full = known.get(first, first)
                yield node, f"{full}.{rest}" if rest else full

    def _names(self) -> Iterator[tuple[str, str]]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.asname or alias.name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (
                    (alias.asname or alias.name, f"{node.module}.{alias.name}")
                    for alias in node.names
                )


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for an expression that is nothing but that, else an empty string."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            before = dotted(value)
            return f"{before}.{name}" if before else ""
        case _:
            return ""


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return every file that belongs to the project, tracked or about to be, absolute.

    Outside a Git checkout (an unpacked release) that is every file outside of hidden folders.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        found = [
            path
            for path in ROOT.rglob("*")
            if not any(part.startswith(".") for part in path.relative_to(ROOT).parts[:-1])
        ]
    return tuple(path for path in found if path.is_file())


@cache
def modules(*packages: str) -> tuple[Module, ...]:
    """Return every module of *packages* (of what ships, where none is named)."""
    found = []
    for package in packages or SHIPPED:
        for path in sorted((ROOT / package).rglob("*.py")):
            relative = path.relative_to(ROOT)
            parts = [*relative.with_suffix("").parts]
            if parts[-1] == "__init__":
                parts.pop()
            tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(relative))
            found.append(Module(".".join(parts), relative, tree))
    return tuple(found)
