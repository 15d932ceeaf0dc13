"""A past case as the draft of a role-play, without anything that says whose it was.

What customers, helpdesks and departments did happens by itself; what support did is what a trainee
has to do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from services.escalator.core.roleplay.anonymous import Anonymous
from services.escalator.core.roleplay.offsets import told
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, instant, rfc3339
from shared.policy.document import Policy

_WHOLE: Final = 100
_STEP: Final = 300
_VERBS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "escalation.requested": ("raise", "Raises it", "internal-procedures"),
        "escalation.acknowledged": (
            "acknowledge",
            "Acknowledges",
            "internal-procedures#acknowledge-and-restate",
        ),
        "escalation.returned": ("return", "Returns it", "internal-procedures#return"),
        "escalation.handed_over": ("hand_over", "Hands it over", "shift-handoff"),
        "escalation.deescalated": ("step_down", "Lets it leave the tier", "de-escalation"),
        "escalation.info_supplied": ("supply", "Supplies what is owed", "internal-procedures"),
        "escalation.assigned": ("assign", "Names an owner", "external-procedures#declining"),
        "case.flagged": ("flag", "Sets the flag", "criteria#overrides"),
        "ticket.updated": ("triage", "Triages it", "internal-procedures#triage-and-severity"),
    }
)
"""What an act of support is in a role-play, in words, and where the handbook speaks of it."""

_MESSAGES: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "reply": ("reply", "Writes to the customer", "communication#always-said"),
        "progress": ("progress", "Writes a progress note", "internal-procedures"),
        "note": ("note", "Writes a note", "internal-procedures"),
    }
)
_STATUSES: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "resolved": ("resolve", "Resolves it", "internal-procedures#resolve-and-classify"),
        "waiting_customer": ("wait", "Waits, with a question", "criteria#pauses"),
    }
)


def drafted(events: Sequence[TicketEvent], policy: Policy, *, name: str, title: str) -> str:
    """Return the draft of a role-play, as YAML, of the *events* of one ticket.

    Args:
        events: What was heard of the ticket, in order; the first is its opening.
        policy: Whose roles have seats.
        name: The id of the role-play.
        title: What it is called; the ticket's own title is not used.

    Raises:
        ValueError: There is no opening among *events*.
    """
    openings = [n for n, one in enumerate(events) if one.type == "ticket.opened"]
    if not openings:
        msg = "the ticket is never opened in these events"
        raise ValueError(msg)
    told_of = events[openings[0] :]
    start = instant(told_of[0].time)
    anonymous = Anonymous(policy, title)
    own, others = _sorted_out(told_of, policy)
    expected = list(_expected(own, start))
    seats = list(dict.fromkeys(one["seat"] for one in expected)) or ["t1_agent"]
    if not expected:
        expected = [_first_reply()]
    share, rest = divmod(_WHOLE, len(expected))
    for n, one in enumerate(expected):
        one["points"] = share + (rest if n == 0 else 0)
    injects = [_inject(one, start, anonymous) for one in others]
    last = max(instant(one.time) for one in told_of)
    ends = told(max(last - start, 0) + 2 * _STEP)
    head = [
        "# Drafted from a case of the past; names, texts and whatever else people wrote are left out.",
        "# To do: write the story, say why each point is given, and set the times to the procedure.",
        f"id: {_quoted(name)}",
        f"title: {_quoted(title)}",
        "teaches: [what this case taught]",
        "level: 2",
        f"seats: [{', '.join(seats)}]",
        f"start: {rfc3339(start)}",
        f"until: {ends}",
        f"ticket: {_quoted(name)}",
        f"story: {_quoted('A case as it happened; the trainer writes here what it looked like.')}",
    ]
    return "\n".join(
        [
            *head,
            "inject:",
            *(f"  - {_quoted(one)}" for one in injects),
            "expect:",
            *(f"  - {_quoted(one)}" for one in expected),
            "never: []",
            "debrief: [What surprised you?, Where did the rules not fit?, What would you change?]",
            "",
        ]
    )


def _sorted_out(
    events: Iterable[TicketEvent], policy: Policy
) -> tuple[list[TicketEvent], list[TicketEvent]]:
    """Return the acts of support, and everything else that the engine should hear."""
    seats = {one.duty for one in policy.departments.values()}
    seats |= {one.backup for one in policy.departments.values()}
    seats |= {one.head for one in policy.departments.values()}
    own, others = [], []
    for one in events:
        role = one.data.role
        if role in policy.file.roles and role not in seats and _verb(one) is not None:
            own.append(one)
        elif one.type not in (
            "ticket.merged",
            "ticket.unmerged",
            "ticket.observed",
            "feedback.given",
        ):
            others.append(one)
    return own, others


def _verb(event: TicketEvent) -> tuple[str, str, str] | None:
    """Return what an act of support is in a role-play, or None where it is none."""
    data = event.data.model_dump(mode="json", exclude_unset=True)
    match event.type:
        case "ticket.message":
            return _MESSAGES[_kind(data)] if data.get("author") == "agent" else None
        case "ticket.status_changed":
            return _STATUSES.get(data["status"])
        case "escalation.requested" if data.get("department"):
            return ("ask", "Asks a department", "external-procedures")
        case _:
            return _VERBS.get(event.type)


def _kind(message: Mapping[str, Any]) -> str:
    if message.get("public"):
        return "reply"
    return "progress" if message.get("note_kind") == "progress" else "note"


def _expected(own: Iterable[TicketEvent], start: Instant) -> Iterator[dict[str, Any]]:
    """Yield what each seat did for the first time, by the next full five minutes."""
    seen: set[tuple[str, str]] = set()
    for one in own:
        verb, role = _verb(one), one.data.role
        if verb is None or role is None or (role, verb[0]) in seen:
            continue
        seen.add((role, verb[0]))
        after = max(0, instant(one.time) - start)
        yield {
            "id": f"{role}_{verb[0]}",
            "seat": role,
            "what": verb[1],
            "by": told((after // _STEP + 1) * _STEP),
            "points": 0,
            "why": "To be written.",
            "page": verb[2],
            "needs": [{"act": verb[0]}],
        }


def _first_reply() -> dict[str, Any]:
    return {
        "id": "first_reply",
        "seat": "t1_agent",
        "what": _MESSAGES["reply"][1],
        "by": "T+0:05",
        "points": 0,
        "why": "To be written.",
        "page": "communication#always-said",
        "needs": [{"act": "reply"}],
    }


def _inject(event: TicketEvent, start: Instant, anonymous: Anonymous) -> dict[str, Any]:
    data = anonymous.data_of(event)
    at = told(max(0, instant(event.time) - start))
    who = str(data.get("role") or data.get("author") or "the helpdesk")
    show = f"{who}: {event.type.partition('.')[2].replace('_', ' ')}"
    return {"at": at, "show": show, "event": event.type, "data": data}


def _quoted(value: Any) -> str:
    """Return *value* as YAML on one line; what is JSON is YAML too."""
    return json.dumps(value, ensure_ascii=False)
