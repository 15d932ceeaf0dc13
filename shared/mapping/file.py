"""The text of a mapping file into its model, or what is wrong with it by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from shared.contract.errors import PermanentError, Reason
from shared.policy.findings import Finding
from shared.policy.tree import Path, Tree, UnreadableError, dotted, parse_tree
from shared.policy.wording import shown

M = TypeVar("M", bound=BaseModel)
Incoherence = tuple[Path, str, str]
"""Where in a file, what is wrong there, and what would be accepted."""


class MappingError(PermanentError):
    """A mapping file cannot be used; *findings* say why, by line."""

    reason = Reason.SETTINGS_INVALID

    def __init__(self, file: str, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(finding.text(file) for finding in findings))
        self.file = file
        self.findings = tuple(findings)


def parse_file(
    text: str,
    model: type[M],
    *,
    name: str,
    see: str,
    incoherent: Callable[[M], Iterable[Incoherence]],
) -> M:
    """Return what *text* writes.

    Args:
        text: YAML.
        model: What it is held to.
        name: How errors call the file.
        see: Where a good one can be seen; the remedy where there is no better one.
        incoherent: Finds what no single key shows.

    Raises:
        MappingError: It cannot be used; every mistake is told.
    """
    try:
        tree = parse_tree(text)
    except UnreadableError as error:
        raise MappingError(name, error.findings) from error
    try:
        found = model.model_validate(tree.root)
    except ValidationError as error:
        raise MappingError(name, list(_said(error, tree, see))) from error
    findings = [
        Finding(tree.line_of(path), dotted(path), "error", message, remedy)
        for path, message, remedy in incoherent(found)
    ]
    if findings:
        raise MappingError(name, findings)
    return found


def _said(error: ValidationError, tree: Tree, see: str) -> Iterator[Finding]:
    for details in error.errors():
        context = details.get("ctx", {})
        path = tuple(part for part in details["loc"] if part != "[key]")
        match details["type"]:
            case "missing":
                message, remedy = f"`{path[-1]}` is missing", see
            case "model_type" | "dict_type":
                message = f"{shown(details['input'])} stands where keys with values belong"
                remedy = see
            case _:
                problem = str(context.get("problem") or details["msg"])
                message = problem.removeprefix("Value error, ")
                remedy = str(context.get("remedy", see))
        yield Finding(tree.line_of(path), dotted(path), "error", message.rstrip("."), remedy)
