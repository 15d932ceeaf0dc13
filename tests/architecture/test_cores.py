"""Cores, contract, policy and mappings depend on nothing but their arguments.

The import contracts in pyproject.toml refuse the modules that do I/O; these tests refuse what
slips past them: a library nobody thought of, and calls of harmless modules that read the clock,
draw lots or open a file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.architecture.source import Module, modules

LIBRARIES = {
    "shared.contract": {"pydantic", "pydantic_core", "typing_extensions"},
    "shared.policy": {"pydantic", "pydantic_core", "typing_extensions", "ruamel"},
    "shared.mapping": {"pydantic", "pydantic_core", "typing_extensions"},
    "shared.review": {"pydantic", "pydantic_core", "typing_extensions"},
    "shared.access.keys": set(),
    "core": {"pydantic", "pydantic_core", "typing_extensions"},
}
OURS = {
    "shared.contract": ("shared.contract",),
    "shared.policy": ("shared.contract", "shared.policy"),
    "shared.mapping": ("shared.contract", "shared.policy", "shared.mapping"),
    "shared.review": ("shared.contract", "shared.policy", "shared.review"),
    "shared.access.keys": (),
}
IMPURE = {
    "date.today",
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid.getnode",
    "input",
    "open",
    "print",
    "breakpoint",
}
# One function of the policy reads a file; everything else takes its text.
FILE_READERS = {"shared.policy.load"}


def layer(module: Module) -> str | None:
    """Return which pure layer *module* belongs to, if to any."""
    parts = module.name.split(".")
    if parts[0] == "services" and parts[2:3] == ["core"]:
        return "core"
    return next((name for name in OURS if f"{module.name}.".startswith(f"{name}.")), None)


def ours(module: Module) -> tuple[str, ...]:
    """Return the packages of ours that *module* may import."""
    found = layer(module)
    if found != "core":
        return OURS[found or ""]
    return (*OURS["shared.mapping"], "shared.access.keys", ".".join(module.name.split(".")[:3]))


PURE = [module for module in modules() if layer(module)]
SERVICES = ("intake", "escalator", "notifier", "tracker")


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def foreign_imports(module: Module) -> Iterator[str]:
    libraries = LIBRARIES[layer(module) or ""]
    for node, name in module.imports():
        first = name.partition(".")[0]
        if not (within(name, ours(module)) or first in libraries | sys.stdlib_module_names):
            yield f"{module.where(node)} imports {name}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_pure_core(service: str) -> None:
    assert any(module.name.startswith(f"services.{service}.core.") for module in PURE)


@pytest.mark.parametrize("module", PURE, ids=lambda module: module.name)
def test_a_pure_module_imports_only_what_its_layer_allows(module: Module) -> None:
    assert list(foreign_imports(module)) == []


@pytest.mark.parametrize("module", PURE, ids=lambda module: module.name)
def test_a_pure_module_reads_no_clock_no_chance_and_no_console(module: Module) -> None:
    assert [f"{module.where(call)} {name}" for call, name in module.calls() if name in IMPURE] == []


def test_only_the_loader_of_policies_touches_files() -> None:
    readers = {module.name for module in PURE for _, name in module.imports() if name == "pathlib"}
    assert readers == FILE_READERS
