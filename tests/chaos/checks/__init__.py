"""The judgement over a run: what must be, held against what is left of it."""

from __future__ import annotations

from tests.chaos.checks import board, decisions, ledger, logs
from tests.chaos.checks.decisions import Compared
from tests.chaos.checks.finding import Finding
from tests.chaos.evidence import Evidence


def judged(evidence: Evidence) -> tuple[list[Finding], Compared]:
    """Return everything that is wrong, and what the escalator's tickets were compared with."""
    compared = Compared()
    findings = [
        *logs.check(evidence),
        *decisions.check(evidence, compared),
        *ledger.check(evidence),
        *board.check(evidence),
    ]
    return findings, compared
