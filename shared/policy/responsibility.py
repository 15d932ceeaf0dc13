"""Who is responsible, accountable, consulted and informed, and which acts went beyond that.

The table is the policy's section `raci`: a row for each activity of the process, a letter for each
part of the company. On a single case a department that was asked for help is consulted, whatever
its letter (Departments).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from shared.contract.decisions import ActRefused, DecisionEvent, EscalationRaised, RefusalCode
from shared.contract.events import (
    Author,
    EscalationAcknowledged,
    EscalationRequested,
    NoteKind,
    TicketEvent,
    TicketMessage,
    TicketUpdated,
    Track,
)
from shared.contract.times import Instant, instant
from shared.policy.document import Policy
from shared.policy.references import Problem
from shared.policy.shape.file import PolicyFile

SUPPORT: Final = "CS"
"""The column of everybody who works in customer support."""

COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "it": "IT",
        "product": "PM",
        "engineering": "ENG",
        "executive": "EXEC",
        "operations": "OPS",
        "qa": "QA",
        "marketing": "MKT",
    }
)
"""The column of each department; one without a column stands by its own letter."""

_HEAD_OF_SUPPORT: Final = "head_of_support"
_ACCOUNTABLE: Final = "A"
_RESPONSIBLE: Final = "R"
WITHOUT_RIGHT: Final = frozenset(
    {RefusalCode.NOT_PERMITTED, RefusalCode.NOT_ELIGIBLE, RefusalCode.APPROVAL_BY_SELF}
)
"""How an act is refused that its role has no right to."""


class Beyond(StrEnum):
    """In which way an act went beyond its role."""

    REFUSED = "refused"
    UNKNOWN_ROLE = "unknown_role"
    NOT_ASKED = "not_asked"
    SPOKE_FOR_SUPPORT = "spoke_for_support"
    COMMANDER_REPAIRED = "commander_repaired"
    EXECUTIVE_DIRECTED = "executive_directed"


class OutsideRole(NamedTuple):
    """One act outside somebody's role, for the reviewer to look at.

    Attributes:
        event: The act's id at its source.
        ticket: The ticket's key.
        at: When it was done.
        by: The person, where the event names one.
        role: The role they acted in.
        act: The event's type.
        step: The activity of the RACI that it belongs to; None where it is none of them.
        letter: What that role is for the activity, `R`, `A`, `C`, `I` or `AR`; None as for `step`.
        beyond: In which way it went beyond the role.
    """

    event: str
    ticket: str
    at: Instant
    by: str | None
    role: str
    act: str
    step: str | None
    letter: str | None
    beyond: Beyond


def unaccountable(file: PolicyFile) -> Iterator[Problem]:
    """Yield every activity that has not exactly one part accountable, or nobody responsible."""
    for step, row in file.raci.model_dump().items():
        holders = [part for part, letter in row.items() if _ACCOUNTABLE in letter]
        if len(holders) != 1:
            told = ", ".join(holders) or "nobody"
            message = f"{told} {'are' if len(holders) > 1 else 'is'} accountable"
            yield Problem(("raci", step), message, "Give exactly one part an A (or AR).")
        if not any(_RESPONSIBLE in letter for letter in row.values()):
            message = "nobody is responsible"
            yield Problem(("raci", step), message, "Give at least one part an R (or AR).")


def accountable_role(step: str, policy: Policy) -> str | None:
    """Return the role whose holder is accountable for the activity *step*: who leads that part.

    None where that part is a department that the policy does not have.

    Raises:
        KeyError: The policy has no such activity.
    """
    row: Mapping[str, str] = policy.file.raci.model_dump()[step]
    part = next(one for one, letter in row.items() if _ACCOUNTABLE in letter)
    if part == SUPPORT:
        return _HEAD_OF_SUPPORT
    found = [one.head for name, one in policy.departments.items() if COLUMNS.get(name) == part]
    return next(iter(found), None)


def department_of(role: str, policy: Policy) -> str | None:
    """Return the department that *role* has a seat in, or None."""
    for name, one in policy.departments.items():
        if role in (one.duty, one.backup, one.head) and role != _HEAD_OF_SUPPORT:
            return name
    return None


def letter_of(role: str, step: str, policy: Policy) -> str:
    """Return what *role* is for the activity *step*: `R`, `A`, `C`, `I` or `AR`.

    Raises:
        KeyError: The policy has no such activity.
    """
    row: Mapping[str, str] = policy.file.raci.model_dump()[step]
    department = department_of(role, policy)
    if department is None:
        return row[SUPPORT]
    column = COLUMNS.get(department)
    return policy.file.departments[department].raci if column is None else row[column]


def outside_role(
    events: Iterable[TicketEvent], decisions: Iterable[DecisionEvent], policy: Policy
) -> Iterator[OutsideRole]:
    """Yield the acts in *events* that went beyond the role in which they were done.

    Args:
        events: What was done, of any tickets, in any order.
        decisions: What the escalator decided on them: refusals, and which department was asked when.
        policy: Whose roles, rights and RACI count.
    """
    refused: set[tuple[str, str]] = set()
    asked: dict[str, dict[str, Instant]] = {}
    for one in decisions:
        match one.data:
            case ActRefused(act_id=act, code=code) if code in WITHOUT_RIGHT:
                refused.add((one.data.ticket, act))
            case EscalationRaised(track=Track.EXTERNAL, target=name):
                at = instant(one.data.at)
                of_ticket = asked.setdefault(one.data.ticket, {})
                of_ticket[name] = min(at, of_ticket.get(name, at))
            case _:
                pass
    for event in events:
        is_refused = (event.ticket, event.id) in refused
        found = act_outside_role(
            event, policy, refused=is_refused, asked=asked.get(event.ticket, {})
        )
        if found is not None:
            yield found


def act_outside_role(
    event: TicketEvent, policy: Policy, *, refused: bool, asked: Mapping[str, Instant]
) -> OutsideRole | None:
    """Return in which way *event* went beyond the role in which it was done; None where it did not.

    Args:
        event: What was done.
        policy: Whose roles, rights and RACI count.
        refused: Whether the escalator refused it for want of a right.
        asked: When each department was first asked for help on its ticket.
    """
    role = event.data.role
    if role is None:
        return None
    found = _beyond(event, role, policy, refused=refused, asked=asked)
    if found is None:
        return None
    step = _step(event, role)
    return OutsideRole(
        event.id,
        event.ticket,
        instant(event.time),
        event.data.by,
        role,
        event.type,
        step,
        letter_of(role, step, policy) if step and role in policy.file.roles else None,
        found,
    )


def _beyond(
    event: TicketEvent,
    role: str,
    policy: Policy,
    *,
    refused: bool,
    asked: Mapping[str, Instant],
) -> Beyond | None:
    if role not in policy.file.roles:
        return Beyond.UNKNOWN_ROLE
    if refused:
        return Beyond.REFUSED
    step, department = _step(event, role), department_of(role, policy)
    if role == "incident_commander" and _is_progress(event):
        return Beyond.COMMANDER_REPAIRED
    if step is None or department is None:
        return None
    if department == "executive" and step != "inform_customers":
        return None if isinstance(event.data, EscalationAcknowledged) else Beyond.EXECUTIVE_DIRECTED
    letter = letter_of(role, step, policy)
    if _RESPONSIBLE in letter or _ACCOUNTABLE in letter:
        return None
    if step == "inform_customers":
        return Beyond.SPOKE_FOR_SUPPORT
    since = asked.get(department)
    return Beyond.NOT_ASKED if since is None or instant(event.time) < since else None


def _step(event: TicketEvent, role: str) -> str | None:
    """Return the activity of the RACI that *event* belongs to, or None."""
    match event.data:
        case TicketMessage(author=Author.AGENT, public=True):
            return "inform_customers"
        case TicketUpdated() | EscalationRequested():
            return "triage_and_raise"
        case TicketMessage(author=Author.AGENT) | EscalationAcknowledged():
            return "work_tier_1_and_2" if role.startswith(("t1_", "t2_")) else "work_tier_3"
        case _:
            return None


def _is_progress(event: TicketEvent) -> bool:
    return isinstance(event.data, TicketMessage) and event.data.note_kind is NoteKind.PROGRESS
