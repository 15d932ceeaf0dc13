"""What the timeline's entries and the clocks say to people, in one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

Plain = Mapping[str, Any]

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def span(length: timedelta) -> str:
    """Return *length*, without its sign, by its two largest units: `2 h 05 min`."""
    seconds = abs(int(length.total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE:02} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"


def words(name: object) -> str:
    """Return a word of the contract as people write it: `first_response`, first response."""
    return str(name).replace("_", " ")


def sentence(kind: str, data: Plain) -> str:
    """Return what happened in one line; for a type that is not known, its name.

    Args:
        kind: The CloudEvents type.
        data: The message's data, as it stands in JSON.
    """
    said = _SENTENCES.get(kind)
    return words(kind) if said is None else said(data)


def why(data: Plain) -> list[str]:
    """Return why something was decided: triggers and rule, then the sum line by line."""
    because = data.get("because") or {}
    triggers = ", ".join(str(one) for one in because.get("triggers", ()))
    lines = [f"triggered by {triggers}"] if triggers else []
    return lines + [str(line) for line in because.get("arithmetic", ())]


def told(data: Plain) -> str:
    """Return whom a decision wants told, and how: `t2_queue by chat, t2_lead by email (fyi)`."""
    return ", ".join(
        f"{one['role']} by {one['mode']}{' (fyi)' if one.get('fyi') else ''}"
        for one in data.get("notify") or ()
    )


def _by(data: Plain) -> str:
    who, role = data.get("by"), data.get("role")
    if who and role:
        return f" by {who} ({role})"
    return f" by {who or role}" if who or role else ""


def _opened(data: Plain) -> str:
    title = data.get("title")
    return f"Ticket opened: {title}" if title else "Ticket opened"


def _updated(data: Plain) -> str:
    told_of = {"by", "role", "reason", "evidence"}
    changes = [
        f"{words(name)} {value}" if isinstance(value, str | int | float) else words(name)
        for name, value in data.items()
        if name not in told_of
    ]
    return f"Changed{_by(data)}: {', '.join(changes)}" if changes else f"Changed{_by(data)}"


def _message(data: Plain) -> str:
    who = {"customer": "Customer", "agent": "Agent"}.get(str(data.get("author")), "System")
    where = " to the customer" if data.get("public") and who == "Agent" else ""
    wants = ", asks for a manager" if data.get("wants_manager") else ""
    return f"{who} wrote{where}{wants}"


def _status(data: Plain) -> str:
    return f"Status set to {words(data.get('status'))}{_by(data)}"


def _act(what: str) -> Callable[[Plain], str]:
    return lambda data: f"{what}{_by(data)}"


def _tier(data: Plain) -> str:
    return f"Tier {data.get('from_tier')} → {data.get('to_tier')} ({words(data.get('kind'))})"


def _reclassified(data: Plain) -> str:
    return f"{data.get('from')} became {data.get('to')}: {data.get('priority')}"


def _case(what: str) -> Callable[[Plain], str]:
    return lambda data: f"{what}: {data.get('cell')}, {data.get('priority')}, tier {data['tier']}"


def _raised(data: Plain) -> str:
    people = told(data)
    due = f", answer due {data['ack_due']}" if data.get("ack_due") else ""
    return f"Escalated to {data.get('target')}{': ' + people if people else ''}{due}"


def _notice(data: Plain) -> str:
    step = data.get("step")
    ladder = "" if step is None else f" (step {step})"
    return f"Notice to {told(data) or data.get('target')}{ladder}"


def _ended(data: Plain) -> str:
    return f"Escalation to {data.get('target')} ended: {words(data.get('reason'))}"


def _timer(what: str) -> Callable[[Plain], str]:
    return lambda data: f"{words(data.get('timer')).capitalize()} {what}"


def _warned(data: Plain) -> str:
    share = data.get("share")
    used = "" if share is None else f": {share:.0%} used"
    return f"{words(data.get('timer')).capitalize()} warning{used}"


def _refused(data: Plain) -> str:
    return f"Refused{_by(data)}: {words(data.get('code'))}"


def _delivery(what: str) -> Callable[[Plain], str]:
    def said(data: Plain) -> str:
        way = f" by {data['channel']}" if data.get("channel") else ""
        person = f" ({data['person']})" if data.get("person") else ""
        reason = f": {words(data['reason'])}" if data.get("reason") else ""
        return f"Notice to {data.get('role')}{person} {what}{way}{reason}"

    return said


_SENTENCES: Final[Mapping[str, Callable[[Plain], str]]] = {
    "ticket.opened": _opened,
    "ticket.updated": _updated,
    "ticket.message": _message,
    "ticket.status_changed": _status,
    "ticket.merged": lambda data: f"Merged into {data.get('into')}{_by(data)}",
    "ticket.unmerged": _act("Merge undone"),
    "ticket.observed": _act("Seen as a whole"),
    "escalation.requested": _act("Escalation asked for"),
    "escalation.returned": _act("Returned"),
    "escalation.declined": _act("Declined"),
    "escalation.handed_over": lambda data: f"Handed over to {data.get('to')}{_by(data)}",
    "escalation.deescalated": _act("De-escalation asked for"),
    "escalation.info_supplied": _act("Information supplied"),
    "escalation.assigned": lambda data: f"Assigned to {data.get('to')}{_by(data)}",
    "escalation.acknowledged": _act("Acknowledged"),
    "escalation.unreached": lambda data: f"Nobody reached for {data.get('role')}",
    "case.snoozed": _act("Snoozed"),
    "case.flagged": lambda data: f"Flag {data.get('flag')} set{_by(data)}",
    "case.unflagged": lambda data: f"Flag {data.get('flag')} cleared{_by(data)}",
    "feedback.given": _act("Feedback given"),
    "case.opened": _case("Case opened"),
    "case.reopened": _case("Case reopened"),
    "case.reclassified": _reclassified,
    "case.closed": lambda data: f"Case closed: {words(data.get('status'))}",
    "tier.changed": _tier,
    "escalation.raised": _raised,
    "escalation.notice_due": _notice,
    "escalation.ended": _ended,
    "timer.warned": _warned,
    "timer.breached": _timer("promise broken"),
    "timer.met": _timer("promise kept"),
    "act.refused": _refused,
    "group.proposed": lambda data: f"Group proposed: {data.get('group_id')}",
    "group.opened": lambda data: f"Group opened: {data.get('group_id')}",
    "group.joined": lambda data: f"Joined group {data.get('group_id')}",
    "group.left": lambda data: f"Left group {data.get('group_id')}",
    "group.closed": lambda data: f"Group closed: {data.get('group_id')}",
    "config.alert": lambda data: f"Set-up needs attention: {words(data.get('code'))}",
    "delivery.planned": _delivery("planned"),
    "delivery.sent": _delivery("sent"),
    "delivery.delivered": _delivery("arrived"),
    "delivery.failed": _delivery("failed"),
    "delivery.suppressed": _delivery("not sent"),
}
