"""What is wrong with a log; what is wrong with the mapping that reads it is a `MappingError`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a log.

    Attributes:
        line: Where it is, from 1; the header is line 1.
        column: The column's name; empty for the line as a whole.
        value: What stands there; None where nothing can be shown.
        message: What is wrong with it.
        remedy: What would be accepted.
    """

    line: int
    column: str
    value: str | None
    message: str
    remedy: str

    def text(self, file: str) -> str:
        """Return the problem as one line that begins with *file*."""
        where = f"{file}:{self.line}"
        column = f" column {self.column}:" if self.column else ""
        value = "" if self.value is None else f" `{self.value[:60]}`"
        return f"{where}:{column}{value} {self.message}. {self.remedy}"


class LogError(Exception):
    """Lines of a log are not what the mapping says; *problems* has the first of them."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem.text(file) for problem in problems))
        self.file = file
        self.problems = tuple(problems)
