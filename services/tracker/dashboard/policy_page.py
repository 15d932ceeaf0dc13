"""The policy as people know it: the matrix with what each cell means, promises, who is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.tracker.core.wording import plain
from shared.contract.lengths import hours
from shared.contract.sentences import words
from shared.policy.document import Policy
from shared.policy.load import load_policy
from shared.policy.matrix import Cell

SEVERITIES: Final = ("S1", "S2", "S3", "S4")
IMPACTS: Final = ("I1", "I2", "I3", "I4")
PLANS: Final = ("standard", "premium", "enterprise")
PRIORITIES: Final = ("P1", "P2", "P3", "P4")
_PROMISES: Final = ("first_response", "next_response", "customer_update", "resolve")


@dataclass(frozen=True, slots=True)
class CellShown:
    """One cell: its priority, and what it means in sentences."""

    priority: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyShown:
    """A policy for a page.

    Attributes:
        name: Its name.
        version: Its number.
        digest: sha256 of its content.
        severities: By name, what one affected person suffers.
        matrix: By severity, its cells in the order of `IMPACTS`.
        promises: Priority and plan, and the length of each promise in words.
    """

    name: str
    version: int
    digest: str
    severities: tuple[tuple[str, str], ...]
    matrix: tuple[tuple[str, tuple[CellShown, ...]], ...]
    promises: tuple[tuple[str, ...], ...]


def policy_shown(text: str) -> PolicyShown:
    """Return the policy that *text* writes, for a page."""
    policy = load_policy(text)
    severity = policy.file.severity
    return PolicyShown(
        name=policy.name,
        version=policy.version,
        digest=policy.digest,
        severities=tuple((one, plain(getattr(severity, one).test)) for one in SEVERITIES),
        matrix=tuple(
            (one, tuple(_cell(policy.cell(one, other)) for other in IMPACTS)) for one in SEVERITIES
        ),
        promises=tuple(_promise(policy, one, plan) for one in PRIORITIES for plan in PLANS),
    )


def _cell(cell: Cell) -> CellShown:
    told = ", ".join(
        f"{words(one.role)}{' (for information)' if one.fyi else ''}"
        for one in cell.notify_at_start
    )
    lines = [f"begins in tier {cell.start_tier}"]
    for tier, limit in ((1, cell.t1_max), (2, cell.t2_max)):
        if limit is not None and tier >= cell.start_tier:
            lines.append(f"at most {hours(limit)} in tier {tier}")
    if cell.exec_inform is not None:
        lines.append(f"executives hear of it after {hours(cell.exec_inform)}")
    if cell.exec_decide is not None:
        lines.append(f"and are asked to decide after {hours(cell.exec_decide)}")
    lines.append(f"told at once: {told}" if told else "nobody is told at once")
    return CellShown(cell.priority, tuple(lines))


def _promise(policy: Policy, priority: str, plan: str) -> tuple[str, ...]:
    promise = policy.promise(plan, priority)
    return (priority, words(plan), *(hours(getattr(promise, name)) for name in _PROMISES))
