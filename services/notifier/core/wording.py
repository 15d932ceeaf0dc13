"""The words people read: what happened, why, and what is asked of whom by when.

Words are made once, as plain text without control characters; each sink then escapes them for
itself (`html`, `defused`). Nothing here evaluates anything: every sentence is fixed, with values
put into it.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any, Final, Self

from services.notifier.core.known import Decided
from services.notifier.core.plan import Purpose
from services.notifier.core.roster import TicketFacts

LONGEST_LINE: Final = 500
LONGEST_SUBJECT: Final = 180
ZERO_WIDTH: Final = "\u200b"

TRIGGERS: Final[Mapping[str, str]] = {
    "T01": "half of the time for the first reply is used",
    "T02": "three quarters of the time for the first reply are used",
    "T03": "the first reply is overdue",
    "T04": "the next reply to the customer is overdue",
    "T05": "an update to the customer is overdue",
    "T06": "tier 1 has had it for as long as tier 1 may",
    "T07": "tier 2 has had it for as long as tier 2 may",
    "T08": "half of the time to resolve it is used",
    "T09": "three quarters of the time to resolve it are used",
    "T10": "nine tenths of the time to resolve it are used",
    "T11": "the promised time to resolve it has passed",
    "T12": "it was reopened",
    "T13": "it was reopened a second time",
    "T14": "it was reopened a third time or more",
    "T15": "it was handed about three times without progress",
    "T16": "the customer asks for a manager",
    "T17": "the department has not answered in time",
    "T18": "the department's update is overdue",
    "T19": "it was taken on, but nothing has happened since",
    "T20": "it became worse",
    "T21": "there is no higher tier to go to",
    "T22": "it has been open so long that the executive must know",
    "start": "it begins above tier 1 by its severity and impact",
    "manual": "a person asked for it",
    "return": "it was returned a second time",
    "decline": "the department declined it",
    "info_debt": "information that is owed with it is overdue",
    "restored": "it came back with the undoing of a merge, a cancellation or a late event",
}
"""What each trigger of the policy means, as the rest of "because ..."."""

TIMERS: Final[Mapping[str, str]] = {
    "first_response": "the first reply",
    "next_response": "the next reply",
    "customer_update": "the update to the customer",
    "resolve": "the resolution",
    "waiting_customer": "waiting for the customer",
}

ENDINGS: Final[Mapping[str, str]] = {
    "resolved": "the ticket is resolved",
    "superseded": "a higher escalation has taken its place",
    "withdrawn": "its reason no longer holds",
    "returned": "it was returned for more information",
    "declined": "it was declined",
    "de_escalated": "the case is stable and has left the tier",
    "acknowledged": "somebody has taken it on",
}


@dataclass(frozen=True, slots=True)
class Remarks:
    """What only the moment of sending knows: a *repeat*, or *missed* messages before this one."""

    repeat: bool = False
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """A message before any sink has escaped it: a subject, and lines of plain words.

    *links* are (words, address) pairs; addresses are http(s) only.
    """

    subject: str
    lines: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()

    def remarked(self, remarks: Remarks) -> Self:
        """Return the message with what this attempt alone has to add."""
        added = []
        if remarks.repeat:
            added.append("This may be a repeat: whether the first copy arrived is not known.")
        if remarks.missed:
            added.append(
                f"Earlier messages on this ticket that did not reach you: {remarks.missed}."
            )
        return replace(self, lines=(*self.lines, *added)) if added else self

    def text(self) -> str:
        """Return the whole body as plain text."""
        links = tuple(f"{words}: {address}" for words, address in self.links)
        return "\n".join((*self.lines, *(("", *links) if links else ()))) + "\n"

    def html(self) -> str:
        """Return the body as HTML, every value escaped."""
        paragraphs = "".join(f"<p>{escape(line)}</p>" for line in self.lines if line)
        links = "".join(
            f'<p><a href="{escape(address, quote=True)}" rel="noreferrer">{escape(words)}</a></p>'
            for words, address in self.links
        )
        return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{paragraphs}{links}</body></html>'


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
        subject=_cut(subject, LONGEST_SUBJECT),
        lines=tuple(_cut(line, LONGEST_LINE) for line in lines if line),
        links=tuple(_links(decision, facts, tracker_url)),
    )


def plain(value: object) -> str:
    """Return *value* as one line of plain text.

    Control characters, line separators and the marks that turn the direction of writing go;
    lone surrogates, which no encoding carries, become the replacement character.
    """
    kept: list[str] = []
    for character in str(value):
        match unicodedata.category(character):
            case "Cc" | "Zl" | "Zp":
                kept.append(" ")
            case "Cf" if character not in "\u200c\u200d":
                continue
            case "Cs":
                kept.append("\ufffd")
            case _:
                kept.append(character)
    return " ".join("".join(kept).split())


def defused(text: str) -> str:
    """Return *text* so that no chat it is passed on to finds a mention in it.

    A zero-width space after ``@``, and after the ``<`` of ``<@``, ``<!`` and ``<#``, leaves
    the words readable and calls nobody.
    """
    for mark in ("<@", "<!", "<#"):
        text = text.replace(mark, f"<{ZERO_WIDTH}{mark[1]}")
    return text.replace("@", f"@{ZERO_WIDTH}")


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


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
