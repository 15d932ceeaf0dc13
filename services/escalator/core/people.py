"""Roles as rows write them into roles as people hold them.

The engine knows no rota: `t3_oncall` is as near to a person as it comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from services.escalator.core.case import Escalation
from shared.policy.document import Addressee, Department, Policy

ORPHAN: Final = "orphan"
"""The target of a request for which no department is found."""

QUEUE_MEMBER: Final = {1: "t1_agent", 2: "t2_specialist", 3: "t3_responder"}
_URGENCY: Final = {"page": 0, "chat": 1, "email": 2, "digest": 3}
_HIERARCHY: Final = {
    "exec_oncall": "exec",
    "exec_backup": "exec",
    "head_of_support": "exec",
    "escalation_manager": "escalation_manager",
    "t3_lead": "t3_lead",
    "t2_lead": "t2_lead",
    "t1_lead": "t1_lead",
}
_RANK: Final = {"exec": 5, "escalation_manager": 4, "t3_lead": 3, "t2_lead": 2, "t1_lead": 1}


def resolved(role: str, tier: int, department: Department | None = None) -> str:
    """Return *role* with the words that depend on the case replaced for *tier* and *department*."""
    match role:
        case "target_oncall" | "target_backup" | "target_queue":
            return f"t{tier}_{role.removeprefix('target_')}"
        case "tier_lead" | "tier_lead_of_target":
            return f"t{tier}_lead"
        case "target_queue_member":
            return QUEUE_MEMBER[tier]
        case "dept_duty" | "dept_backup" | "dept_head" if department is not None:
            seat: str = getattr(department, role.removeprefix("dept_"))
            return seat
        case _:
            return role


def notices(
    people: Iterable[tuple[Addressee, str]],
    tier: int,
    department: Department | None = None,
) -> list[dict[str, Any]]:
    """Return one notice entry for each role in *people*, who come with the mode to use.

    A role named twice is told once: by the more urgent mode, and for action rather than for
    information (Rows of one instant).
    """
    found: dict[str, dict[str, Any]] = {}
    for addressee, mode in people:
        role = resolved(addressee.role, tier, department)
        entry = found.get(role)
        if entry is None:
            found[role] = {"role": role, "mode": mode, "fyi": addressee.fyi}
            continue
        entry["fyi"] = entry["fyi"] and addressee.fyi
        if _URGENCY[mode] < _URGENCY[entry["mode"]]:
            entry["mode"] = mode
    return list(found.values())


def hierarchical_target(roles: Iterable[str]) -> str:
    """Return the highest of the people called: exec, escalation manager, leads, others."""
    ranked = [_HIERARCHY.get(role, role) for role in roles]
    return max(ranked, key=hierarchical_rank, default="escalation_manager")


def hierarchical_rank(target: str) -> int:
    """Return how high a hierarchical *target* stands; others than leads are all the lowest."""
    return _RANK.get(target, 0)


def most_urgent(modes: Iterable[str]) -> str:
    """Return the most insistent of *modes*."""
    return min(modes, key=lambda mode: _URGENCY[mode])


def eligible(one: Escalation, policy: Policy) -> list[str]:
    """Return the roles that may acknowledge *one* (Ladders and acknowledgement)."""
    match one.track:
        case "functional":
            return [resolved(word, one.tier) for word in policy.ack_by]
        case "external" if one.target == ORPHAN:
            return ["escalation_manager", "head_of_support"]
        case "external":
            return seats(policy.department(one.target))
        case _ if one.target == "exec":
            return ["exec_oncall", "exec_backup", "head_of_support"]
        case _:
            called = (role for role, _ in one.called)
            return list(dict.fromkeys([*called, *one.people, "escalation_manager"]))


def seats(department: Department) -> list[str]:
    """Return who speaks for *department*."""
    return [department.duty, department.backup, department.head]


def department_of(role: str | None, policy: Policy) -> str | None:
    """Return the department that *role* speaks for, or None."""
    for name, department in policy.departments.items():
        if role in (department.duty, department.backup, department.head):
            return name
    return None
