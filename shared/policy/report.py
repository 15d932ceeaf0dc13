"""What a check of a policy has found: errors apart from warnings, the same for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.policy.document import Policy
from shared.policy.findings import Finding
from shared.policy.load import read_policy


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check.

    Attributes:
        policy: What the text writes; None where an error keeps it from loading.
        errors: What keeps it from being activated, by line.
        warnings: What is allowed and rarely meant, by line.
    """

    policy: Policy | None
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    def document(self) -> dict[str, Any]:
        """Return the report for programs."""
        named: dict[str, Any] = {"name": None, "version": None, "digest": None}
        if self.policy is not None:
            named = dict(self.policy.reference)
        return {
            "ok": self.policy is not None,
            **named,
            "errors": [_plain(one) for one in self.errors],
            "warnings": [_plain(one) for one in self.warnings],
        }


def report_on(text: str | bytes) -> Report:
    """Return what there is to say about the policy that *text* writes; bytes must be UTF-8."""
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError:
            return refusal("not UTF-8 text", "Save it as UTF-8.")
    policy, findings = read_policy(text)
    errors = tuple(one for one in findings if one.severity == "error")
    warnings = tuple(one for one in findings if one.severity == "warning")
    return Report(policy, errors, warnings)


def refusal(message: str, remedy: str) -> Report:
    """Return the report on something that could not even be read."""
    return Report(None, (Finding(None, "", "error", message, remedy),), ())


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "line": finding.line,
        "key": finding.key,
        "message": finding.message,
        "do": finding.remedy,
    }
