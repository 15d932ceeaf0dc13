"""The words people read: what happened, why, and what is asked of whom by when.

Nothing here evaluates anything: every sentence is fixed, with values put into it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from services.notifier.core.known import Decided
from services.notifier.core.message import LONGEST_LINE, LONGEST_SUBJECT, Message, cut, plain
from services.notifier.core.plan import Purpose
from services.notifier.core.roster import TicketFacts
from shared.contract.reasons import ENDINGS, TRIGGERS

TIMERS: Final[Mapping[str, str]] = {
    "first_response": "the first reply",
    "next_response": "the next reply",
    "customer_update": "the update to the customer",
    "resolve": "the resolution",
    "waiting_customer": "waiting for the customer",
}
"""What a message calls each timer."""


def word(
    decision: Decided,
    *,
    role: str,
    purpose: Purpose,
    fyi: bool,
    facts: TicketFacts,
    tracker_url: str | None = None,
) -> Message:
    """Return the message that tells *role* of *decision*."""
    happened = _happened(decision, purpose)
    title = plain(facts.title) if facts.title else None
    priority = plain(decision.data.get("priority") or "")
    head = f"[{priority}] " if priority else ""
    asked = _asked(decision, role, purpose, fyi=fyi)
    lines = [
        f"Ticket {plain(decision.ticket)}" + (f": {title}" if title else ""),
        f"What happened: {happened}",
        *_why(decision),
        asked,
        _standing(decision),
    ]
    subject = f"{head}{plain(decision.ticket)}: {happened}" + (f" ({title})" if title else "")
    return Message(
        subject=cut(subject, LONGEST_SUBJECT),
        lines=tuple(cut(line, LONGEST_LINE) for line in lines if line),
        links=tuple(_links(decision, facts, tracker_url)),
    )


def digest(parts: Sequence[tuple[Decided, Message, bool]]) -> Message:
    """Return one message for all *parts*, a line each: decision, message, whether it asks."""
    tickets = len({decision.ticket for decision, _, _ in parts})
    urgent = min((str(decision.data.get("priority") or "") for decision, _, _ in parts), default="")
    head = f"[{plain(urgent)}] " if urgent else ""
    return Message(
        subject=f"{head}{len(parts)} notices on {tickets} {'ticket' if tickets == 1 else 'tickets'}",
        lines=(
            "So many notices for you were due at about the same time that they come as one message.",
            *(
                cut(_in_short(decision, message, asks=asks), LONGEST_LINE)
                for decision, message, asks in parts
            ),
        ),
    )


def _in_short(decision: Decided, message: Message, *, asks: bool) -> str:
    due = decision.data.get("ack_due") if asks else None
    return f"{message.subject}{f'; acknowledge it by {instant(due)}' if due else ''}"


def instant(value: object) -> str:
    """Return an instant of a decision in words, in UTC and with its date."""
    when = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _happened(decision: Decided, purpose: Purpose) -> str:
    data = decision.data
    if purpose is Purpose.STAND_DOWN:
        reason = str(data.get("reason") or "acknowledged")
        return f"nothing more is asked of you: {ENDINGS.get(reason, plain(reason))}"
    match decision.type:
        case "escalation.raised":
            return f"it was escalated to {_target(data)}"
        case "escalation.notice_due":
            return f"{_notice_kind(data)} about the escalation to {_target(data)}"
        case "timer.warned":
            return f"{_timer(data)} falls due {_due(data)}{_share(data)}"
        case "timer.breached":
            return f"{_timer(data)} was due {_due(data)} and has not come"
        case "config.alert":
            detail = f" ({plain(data['detail'])})" if data.get("detail") else ""
            return f"the set-up needs attention: {_spaced(data.get('code') or '')}{detail}"
        case _:
            return _became_of_case(decision)


def _became_of_case(decision: Decided) -> str:
    match decision.type:
        case "case.opened" | "group.opened":
            return "a case was opened"
        case "case.reopened":
            return "the case was reopened"
        case "case.reclassified":
            before, now = (_cell(decision.data.get(side)) for side in ("from", "to"))
            return f"its classification changed from {before} to {now}"
        case other:
            return _spaced(other.replace(".", " "))


def _spaced(name: object) -> str:
    return plain(name).replace("_", " ")


def _notice_kind(data: Mapping[str, Any]) -> str:
    step = data.get("step")
    return "news" if step is None else f"a call (step {int(step) + 1} of its ladder)"


def _target(data: Mapping[str, Any]) -> str:
    target = plain(data.get("target") or "the next tier")
    if target[:1] == "t" and target[1:].isdigit():
        return f"tier {target[1:]}"
    return _spaced(target)


def _timer(data: Mapping[str, Any]) -> str:
    name = str(data.get("timer") or "")
    return TIMERS.get(name, _spaced(name))


def _due(data: Mapping[str, Any]) -> str:
    return f"at {instant(data['due'])}" if data.get("due") else "soon"


def _share(data: Mapping[str, Any]) -> str:
    share = data.get("share")
    return f" ({float(share):.0%} used)" if isinstance(share, int | float | str) else ""


def _cell(cell: object) -> str:
    if isinstance(cell, Mapping):
        return "/".join(plain(part) for part in cell.values() if part is not None)
    return plain(cell or "none")


def _why(decision: Decided) -> list[str]:
    because = decision.data.get("because") or {}
    triggers = [str(trigger) for trigger in because.get("triggers") or ()]
    reasons = [
        f"{TRIGGERS.get(each, 'the policy asks for it')} ({plain(each)})" for each in triggers
    ]
    lines = [f"Why: {'; '.join(reasons)}."] if reasons else []
    sums = [plain(_sum(line)) for line in because.get("arithmetic") or ()]
    if sums:
        lines.append(f"The sum: {'; '.join(sums)}.")
    return lines


def _sum(line: object) -> str:
    if isinstance(line, Mapping):
        return ", ".join(f"{key} {value}" for key, value in line.items())
    return str(line)


def _asked(decision: Decided, role: str, purpose: Purpose, *, fyi: bool) -> str:
    who = _spaced(role)
    if purpose is Purpose.STAND_DOWN:
        return f"Asked of you ({who}): nothing more. Thank you for standing ready."
    if fyi:
        return f"Asked of you ({who}): nothing; this is for your information."
    ack_due = decision.data.get("ack_due")
    if ack_due:
        return f"Asked of you ({who}): acknowledge it by {instant(ack_due)}."
    if decision.type.startswith("escalation."):
        return f"Asked of you ({who}): acknowledge it if nobody has, and see to it."
    due = decision.data.get("due")
    if due and decision.type == "timer.warned":
        return f"Asked of you ({who}): see to it by {instant(due)}."
    return f"Asked of you ({who}): see to it now."


def _standing(decision: Decided) -> str:
    data = decision.data
    parts = [
        f"tier {plain(data['tier'])}" if data.get("tier") is not None else "",
        f"priority {plain(data['priority'])}" if data.get("priority") else "",
        f"cell {_cell(data['cell'])}" if data.get("cell") else "",
        f"decided for {instant(decision.at)}",
    ]
    return "Now: " + ", ".join(part for part in parts if part) + "."


def _links(decision: Decided, facts: TicketFacts, tracker_url: str | None) -> list[tuple[str, str]]:
    links = []
    if facts.url and facts.url.startswith(("https://", "http://")):
        links.append(("The ticket", plain(facts.url).replace(" ", "%20")))
    if tracker_url:
        links.append(
            ("Its history", f"{tracker_url.rstrip('/')}/tickets/{_quoted(decision.ticket)}")
        )
    return links


def _quoted(key: str) -> str:
    safe = "-._~:"
    return "".join(
        one if one.isascii() and (one.isalnum() or one in safe) else _percent(one) for one in key
    )


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
