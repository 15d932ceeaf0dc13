"""What events, decisions and deliveries say to people: whole sentences, nothing looked up."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from shared.contract.lengths import hours, span
from shared.contract.reasons import ENDINGS, TRIGGERS

Plain = Mapping[str, Any]

LONGEST: Final = 400
"""Characters of a sentence; what people write has no end."""

_SECONDS: Final = re.compile(r"\b(\d{3,}) s\b")


def moment(at: datetime | str) -> str:
    """Return *at*, aware or as RFC 3339 text, to the minute: `2026-03-02 10:00 UTC`."""
    try:
        known = datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError:
        return str(at)
    return f"{known:%Y-%m-%d %H:%M} UTC"


def words(name: object) -> str:
    """Return a word of the contract as people write it: `first_response`, first response."""
    return str(name).replace("_", " ")


def counted(number: int, noun: str) -> str:
    """Return *number* of a *noun* whose plural ends in s: `1 day`, `7 days`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def clock(name: object) -> str:
    """Return what people call a timer: `resolve`, resolution."""
    return {"resolve": "resolution", "tier_dwell": "stay in the tier"}.get(str(name), words(name))


def closed_day(day: date, reason: str) -> str:
    """Return a closed day and why it is one: `Monday 26 October 2026 (National Day)`."""
    return f"{day:%A} {day.day} {day:%B %Y} ({reason})"


def target(name: object) -> str:
    """Return an escalation's target as people say it: `t2`, tier 2."""
    return {"t1": "tier 1", "t2": "tier 2", "t3": "tier 3", "exec": "the executives"}.get(
        str(name), words(name)
    )


def sentence(kind: str, data: Plain) -> str:
    """Return what happened as a sentence; for a type that is not known, its name.

    Args:
        kind: The CloudEvents type.
        data: The message's data, as it stands in JSON.
    """
    said = _SENTENCES.get(kind)
    text = words(kind) if said is None else said(data)
    return f"{text}." if len(text) < LONGEST else f"{text[:LONGEST]} …"


def why(data: Plain) -> list[str]:
    """Return why a decision was made, in sentences: its reasons, then the sum line by line."""
    because = data.get("because") or {}
    triggers = [str(one) for one in because.get("triggers") or ()]
    lines = []
    if triggers:
        reasons = " and ".join(
            f"{TRIGGERS[one]} ({one})" if one in TRIGGERS else one for one in triggers
        )
        lines.append(f"Because {reasons}.")
    rule = because.get("rule")
    if rule and rule not in triggers:
        lines.append(f"The rule: {rule}.")
    if because.get("rule_retired"):
        lines.append("The present policy no longer has this rule; the case was raised under it.")
    lines += [f"{readable(str(line))}." for line in because.get("arithmetic") or ()]
    facts = because.get("facts") or {}
    seen = [f"{words(name)} {in_words(value)}" for name, value in facts.items() if _tells(value)]
    if seen:
        lines.append(f"Looked at: {', '.join(seen)}.")
    return lines


def _tells(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def in_words(value: Any) -> str:
    """Return a *value* of plain JSON in words."""
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name} {in_words(one)}" for name, one in value.items())
        case list():
            return ", ".join(map(in_words, value))
        case _:
            return str(value)


def readable(line: str) -> str:
    """Say long times in hours beside the seconds that the sum is made of."""
    return _SECONDS.sub(lambda found: f"{hours(int(found[1]))} ({found[0]})", line)


def called(data: Plain) -> str:
    """Return whom a decision wants told, and how: `t2 queue by chat, t2 lead for information`."""
    return ", ".join(
        f"{words(one['role'])} {'for information' if one.get('fyi') else 'by ' + one['mode']}"
        for one in data.get("notify") or ()
    )


def _by(data: Plain) -> str:
    who, role = data.get("by"), data.get("role")
    if who and role:
        return f" by {who} ({words(role)})"
    return f" by {who or words(role)}" if who or role else ""


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
    reason = f", because {data['reason']}" if data.get("reason") else ""
    listed = f": {', '.join(changes)}" if changes else ""
    return f"Changed{_by(data)}{listed}{reason}"


def _message(data: Plain) -> str:
    who = {"customer": "Customer", "agent": "Agent"}.get(str(data.get("author")), "System")
    where = " to the customer" if data.get("public") and who == "Agent" else ""
    asks = ", with a question" if data.get("asks_customer") else ""
    wants = ", asking for a manager" if data.get("wants_manager") else ""
    return f"{who} wrote{where}{asks}{wants}"


def _act(what: str) -> Callable[[Plain], str]:
    return lambda data: f"{what}{_by(data)}"


def _to(what: str) -> Callable[[Plain], str]:
    return lambda data: f"{what} {data.get('to')}{_by(data)}"


def _requested(data: Plain) -> str:
    wanted = data.get("department") or (f"tier {data['to_tier']}" if data.get("to_tier") else None)
    where = f" to {words(wanted)}" if wanted else ""
    return f"Escalation{where} asked for{_by(data)}"


def _tier(data: Plain) -> str:
    return (
        f"Moved {data.get('direction')} from tier {data.get('from_tier')}"
        f" to tier {data.get('to_tier')}"
    )


def _reclassified(data: Plain) -> str:
    people = called(data)
    told = f"; told: {people}" if people else ""
    return f"{data.get('from')} became {data.get('to')}, {data.get('priority')}{told}"


def _case(what: str) -> Callable[[Plain], str]:
    def said(data: Plain) -> str:
        people = called(data)
        told = f"; told: {people}" if people else ""
        return f"{what} as {data.get('cell')}, {data.get('priority')}, in tier {data['tier']}{told}"

    return said


def _raised(data: Plain) -> str:
    people = called(data)
    calls = f"; called: {people}" if people else ""
    due = f"; an answer is due {moment(data['ack_due'])}" if data.get("ack_due") else ""
    return f"Escalated to {target(data.get('target'))}{calls}{due}"


def _notice(data: Plain) -> str:
    step = data.get("step")
    ladder = "" if step is None else f", step {step} of the ladder"
    held = f", held until {moment(data['hold_until'])}" if data.get("hold_until") else ""
    people = called(data) or target(data.get("target"))
    return f"Escalation to {target(data.get('target'))}: called {people}{ladder}{held}"


def _acknowledged(data: Plain) -> str:
    if "escalation_id" not in data or "target" not in data:
        return f"Acknowledged{_by(data)}"
    after = data.get("after_s")
    took = f" after {span(after)}" if isinstance(after, int) else ""
    return f"Escalation to {target(data['target'])} taken{_by(data)}{took}"


def _ended(data: Plain) -> str:
    reason = str(data.get("reason"))
    detail = f" ({words(data['detail'])})" if data.get("detail") else ""
    ending = ENDINGS.get(reason, words(reason))
    return f"Escalation to {target(data.get('target'))} ended: {ending}{detail}"


def _timer(what: str) -> Callable[[Plain], str]:
    return lambda data: f"{clock(data.get('timer')).capitalize()}: {what}"


def _warned(data: Plain) -> str:
    if data.get("step"):
        return f"Waiting for the customer: {words(data['step'])}"
    share = data.get("share")
    used = "time is running out" if share is None else f"{share:.0%} of the time is used"
    return f"{clock(data.get('timer')).capitalize()}: {used}"


def _rescheduled(data: Plain) -> str:
    running = [
        f"{clock(one['name'])} due {moment(one['due'])}"
        for one in data.get("timers") or ()
        if one.get("state") == "running" and one.get("due")
    ]
    halted = [
        f"{clock(one['name'])} stands still"
        for one in data.get("timers") or ()
        if one.get("state") == "paused"
    ]
    return f"Clocks now: {', '.join([*running, *halted]) or 'none runs'}"


def _refused(data: Plain) -> str:
    missing = ", ".join(words(one) for one in data.get("missing") or ())
    allowed = ", ".join(words(one) for one in data.get("allowed") or ())
    return (
        f"Act{_by(data)} refused: {words(data.get('code'))}"
        f"{'; missing: ' + missing if missing else ''}"
        f"{'; accepted would be: ' + allowed if allowed else ''}"
    )


def _delivery(what: str) -> Callable[[Plain], str]:
    def said(data: Plain) -> str:
        way = f" by {data['channel']}" if data.get("channel") else ""
        person = f", {data['person']}," if data.get("person") else ""
        reason = f": {words(data['reason'])}" if data.get("reason") else ""
        return f"Notice to {words(data.get('role'))}{person} {what}{way}{reason}"

    return said


def _group(what: str) -> Callable[[Plain], str]:
    return lambda data: f"{what} {data.get('group_id')}"


_SENTENCES: Final[Mapping[str, Callable[[Plain], str]]] = {
    "ticket.opened": _opened,
    "ticket.updated": _updated,
    "ticket.message": _message,
    "ticket.status_changed": lambda data: f"Status set to {words(data.get('status'))}{_by(data)}",
    "ticket.merged": lambda data: f"Merged into {data.get('into')}{_by(data)}",
    "ticket.unmerged": _act("Merge undone"),
    "ticket.observed": _act("Seen as a whole"),
    "escalation.requested": _requested,
    "escalation.returned": _act("Returned"),
    "escalation.declined": _act("Declined"),
    "escalation.handed_over": _to("Handed over to"),
    "escalation.deescalated": _act("De-escalation asked for"),
    "escalation.info_supplied": _act("Information supplied"),
    "escalation.assigned": _to("Assigned to"),
    "escalation.acknowledged": _acknowledged,
    "escalation.unreached": lambda data: f"Nobody was reached for {words(data.get('role'))}",
    "case.snoozed": _act("Snoozed"),
    "case.flagged": lambda data: f"Flag {words(data.get('flag'))} set{_by(data)}",
    "case.unflagged": lambda data: f"Flag {words(data.get('flag'))} cleared{_by(data)}",
    "feedback.given": _act("Feedback given"),
    "act.drafted": _refused,
    "case.opened": _case("Case opened"),
    "case.reopened": _case("Case reopened"),
    "case.reclassified": _reclassified,
    "case.rescheduled": _rescheduled,
    "case.closed": lambda data: f"Case ended: {words(data.get('status'))}",
    "tier.changed": _tier,
    "escalation.raised": _raised,
    "escalation.notice_due": _notice,
    "escalation.ended": _ended,
    "timer.warned": _warned,
    "timer.breached": _timer("promise broken"),
    "timer.met": _timer("promise kept"),
    "act.refused": _refused,
    "group.proposed": _group("Group proposed:"),
    "group.opened": _group("Group opened:"),
    "group.joined": _group("Joined the group"),
    "group.left": _group("Left the group"),
    "group.closed": _group("Group closed:"),
    "config.alert": lambda data: f"The set-up needs attention: {words(data.get('code'))}",
    "delivery.planned": _delivery("planned"),
    "delivery.sent": _delivery("sent"),
    "delivery.delivered": _delivery("arrived"),
    "delivery.failed": _delivery("failed"),
    "delivery.suppressed": _delivery("not sent"),
}
