"""What is wrong with a policy file: one finding for each mistake, with line, key and remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from shared.contract.errors import PermanentError, Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change in a policy file.

    Attributes:
        line: Where, from 1; None where no line can be named.
        key: The key path in dots, `cells.S3.I1.t1_max`; empty for the file as a whole.
        severity: An `error` keeps the policy from loading, a `warning` does not.
        message: What is wrong.
        remedy: What would be accepted.
    """

    line: int | None
    key: str
    severity: Literal["error", "warning"]
    message: str
    remedy: str

    def text(self, file: str) -> str:
        """Return the finding as one line that begins with *file*."""
        place = file if self.line is None else f"{file}:{self.line}"
        key = f"{self.key}: " if self.key else ""
        return f"{place}: {self.severity}: {key}{self.message}. {self.remedy}"


class PolicyError(PermanentError):
    """A policy cannot be loaded; `findings` says everything that is wrong with it."""

    reason = Reason.POLICY_INVALID

    def __init__(self, file: str, findings: Iterable[Finding]) -> None:
        self.file = file
        self.findings = tuple(findings)
        super().__init__("\n".join(finding.text(file) for finding in self.findings))
