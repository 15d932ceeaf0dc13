"""What a letter can say: the decision's values by name, and which letter tells of it.

Nothing here evaluates anything; the letters themselves are files (`services.notifier.words`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from services.notifier.core.feeds import CHANNEL, EXECUTIVE
from services.notifier.core.known import ACKNOWLEDGED, ENDED, NOTICE_DUE, RAISED, REFUSED, Decided
from services.notifier.core.message import plain
from services.notifier.core.plan import Purpose
from services.notifier.core.receipts import promised
from services.notifier.core.roster import TicketFacts
from shared.contract.ids import split_key
from shared.contract.lengths import span
from shared.contract.reasons import ENDINGS, TRIGGERS
from shared.contract.sentences import readable

CUSTOMER_DRAFTS: Final[Mapping[str, str]] = {
    "first_response": "customer_first",
    "next_response": "customer_progress",
    "customer_update": "customer_progress",
}
"""The letter to the customer that whoever must see to a timer is given as a draft."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What names of the contract are called in one language; what is missing is spaced."""

    triggers: Mapping[str, str] = field(default_factory=lambda: TRIGGERS)
    endings: Mapping[str, str] = field(default_factory=lambda: ENDINGS)
    timers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    acts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    refusals: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    phrases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a letter tells of what.

    Attributes:
        decision: What was decided.
        role: The role told.
        purpose: What for.
        fyi: Whether nothing is asked.
        facts: What was known of the ticket then.
        veiled: Whether the reader may see no more than the ticket's number.
    """

    decision: Decided
    role: str
    purpose: Purpose
    fyi: bool
    facts: TicketFacts
    veiled: bool = False


def letter_for(told: Told) -> str:
    """Return the name of the letter that says what *told* asks for (Communication)."""
    decision, data = told.decision, told.decision.data
    if told.purpose is Purpose.RECEIPT or told.veiled:
        return "receipt" if told.purpose is Purpose.RECEIPT else "veiled"
    if told.purpose is Purpose.STAND_DOWN:
        left = data.get("reason") == "de_escalated"
        return "de_escalation_notice" if left else "stand_down"
    if decision.type in (RAISED, NOTICE_DUE):
        return _letter_of_call(told)
    match decision.type:
        case "escalation.acknowledged":
            return "ack_notice"
        case "escalation.ended":
            return "return_notice"
        case "timer.warned" | "timer.breached" | "timer.met":
            return "timer_notice"
        case "act.refused":
            return "refusal"
        case _:
            return "case_notice"


def _letter_of_call(told: Told) -> str:
    data = told.decision.data
    if told.role.startswith("exec_") or told.role == CHANNEL + EXECUTIVE:
        return "exec_summary" if told.fyi else "exec_decision"
    return "department_request" if data.get("track") == "external" else "raise_notice"


def draft_for(told: Told) -> str | None:
    """Return the customer's letter that goes along as a draft, where a reply is what is wanted."""
    if told.fyi or told.veiled or not told.decision.type.startswith("timer."):
        return None
    return CUSTOMER_DRAFTS.get(str(told.decision.data.get("timer")))


def values(told: Told, terms: Terms) -> dict[str, Any]:
    """Return every value that a letter may put in, none of them escaped yet."""
    if told.purpose is Purpose.RECEIPT:
        return _receipt(told)
    decision, facts, data = told.decision, told.facts, told.decision.data
    target = str(data.get("target") or "the next tier")
    tier_asked = target[1:] if target[:1] == "t" and target[1:].isdigit() else None
    debt = data.get("info_debt") or {}
    return {
        "ticket": decision.ticket,
        "number": _number(decision.ticket),
        "title": facts.title,
        "owner": facts.owner,
        "type": decision.type,
        "type_name": spaced(decision.type.replace(".", " ")),
        "priority": data.get("priority"),
        "tier": data.get("tier"),
        "cell": _cell(data.get("cell")) if data.get("cell") else None,
        "cell_before": _cell(data.get("from")),
        "cell_after": _cell(data.get("to")),
        "role": terms.roles.get(told.role, spaced(told.role)),
        "ask": _ask(told),
        "ack_due": _instant(data.get("ack_due")),
        "due": _instant(data.get("due")),
        "due_at": _due(data, terms),
        "at": instant(decision.at),
        "raised": decision.type == RAISED,
        "step": _rung(decision),
        "target_name": terms.roles.get(target, spaced(target)),
        "tier_asked": tier_asked,
        "binding": bool(data.get("binding")),
        "owed_fields": [spaced(one) for one in debt.get("fields") or ()],
        "owed_due": _instant(debt.get("due")),
        "timer": _timer(data, terms),
        "breached": decision.type == "timer.breached",
        "share": _share(data),
        "code": spaced(data.get("code") or ""),
        "code_id": str(data.get("code") or ""),
        "detail": None if data.get("detail") is None else spaced(data["detail"]),
        "by": data.get("by"),
        "after": None if data.get("after_s") is None else span(int(data["after_s"])),
        "ending": _ending(decision, terms),
        "declined": data.get("reason") == "declined",
        "proposed": None if data.get("proposed") is None else spaced(data["proposed"]),
        "reasons": _reasons(decision, terms),
        "sums": [_sum(line) for line in (data.get("because") or {}).get("arithmetic") or ()],
        "changed": _changed(decision),
        **_refused(decision, terms),
    }


def _receipt(told: Told) -> dict[str, Any]:
    """Return what a letter to whoever asked may put in, and nothing that is ours alone.

    Their own words are not among it: whoever writes in somebody else's name would have us pass them
    on. Of a restricted case it is the number alone.
    """
    due = None if told.veiled else promised(told.decision)
    return {"number": _number(told.decision.ticket), "promised": _instant(due)}


def _number(ticket: str) -> str:
    return split_key(ticket)[1] if ":" in ticket else ticket


def digest_values(
    parts: Sequence[tuple[Decided, str, bool]],
) -> dict[str, Any]:
    """Return what a digest may put in for *parts*: decision, subject, whether it asks."""
    priorities = [str(one.data["priority"]) for one, _, _ in parts if one.data.get("priority")]
    return {
        "priority": min(priorities, default=None),
        "count": len(parts),
        "tickets": len({decision.ticket for decision, _, _ in parts}),
        "notices": [
            {
                "subject": subject,
                "ticket": decision.ticket,
                "ack_due": _instant(decision.data.get("ack_due")) if asks else None,
            }
            for decision, subject, asks in parts
        ],
    }


def instant(value: object) -> str:
    """Return an instant of a decision in words, in UTC and with its date."""
    when = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def links(
    decision: Decided, facts: TicketFacts, terms: Terms, tracker_url: str | None
) -> list[tuple[str, str]]:
    """Return the links of a letter, words and address; only web addresses become links."""
    found = []
    if facts.url and facts.url.startswith(("https://", "http://")):
        words = terms.phrases.get("ticket", "The ticket")
        found.append((words, plain(facts.url).replace(" ", "%20")))
    if tracker_url:
        words = terms.phrases.get("history", "Its history")
        base = tracker_url.rstrip("/")
        found.append((words, f"{base}/tickets/{_quoted(decision.ticket)}"))
        escalation = decision.data.get("escalation_id")
        if decision.type == ENDED and escalation:
            words = terms.phrases.get("feedback", "How was it? Half a minute")
            about = f"ticket={_quoted(decision.ticket)}&escalation={_quoted(str(escalation))}"
            found.append((words, f"{base}/feedback/receiver?{about}"))
    return found


def _ask(told: Told) -> str:
    if told.purpose is Purpose.STAND_DOWN:
        return "stood_down"
    if told.fyi:
        return "information"
    if told.decision.data.get("ack_due"):
        return "acknowledge_by"
    if told.decision.type.startswith("escalation."):
        return "acknowledge"
    warned = told.decision.data.get("due") and told.decision.type == "timer.warned"
    return "see_by" if warned else "see_now"


def _ending(decision: Decided, terms: Terms) -> str:
    default = "acknowledged" if decision.type == ACKNOWLEDGED else "ended"
    reason = str(decision.data.get("reason") or default)
    if decision.type not in (ACKNOWLEDGED, ENDED) and not decision.data.get("reason"):
        reason = "acknowledged"
    return terms.endings.get(reason, spaced(reason))


def _reasons(decision: Decided, terms: Terms) -> list[dict[str, str]]:
    triggers = (decision.data.get("because") or {}).get("triggers") or ()
    unknown = terms.phrases.get("policy", "the policy asks for it")
    return [{"id": str(one), "text": terms.triggers.get(str(one), unknown)} for one in triggers]


def _changed(decision: Decided) -> list[str]:
    """Return what an executive is told to have changed since the raise (Executives)."""
    because = decision.data.get("because") or {}
    if decision.type != NOTICE_DUE or "T20" not in (because.get("triggers") or ()):
        return []
    return [spaced(line) for line in because.get("arithmetic") or ()]


def _refused(decision: Decided, terms: Terms) -> dict[str, Any]:
    data = decision.data
    code = str(data.get("code") or "")
    act = str(data.get("act_id") or "").split("-")[1:2] if decision.type == REFUSED else []
    return {
        "act": terms.acts.get(act[0] if act else "", "act"),
        "refused_because": terms.refusals.get(code, spaced(code)),
        "missing": [spaced(one) for one in data.get("missing") or ()],
        "allowed": [terms.roles.get(str(one), spaced(one)) for one in data.get("allowed") or ()],
        "taken_by": decision.facts.get("acknowledged_by"),
    }


def spaced(name: object) -> str:
    """Return a *name* of the contract as words."""
    return str(name).replace("_", " ")


def _timer(data: Mapping[str, Any], terms: Terms) -> str:
    name = str(data.get("timer") or "")
    return terms.timers.get(name, spaced(name))


def _due(data: Mapping[str, Any], terms: Terms) -> str:
    if not data.get("due"):
        return terms.phrases.get("soon", "soon")
    return terms.phrases.get("at", "at {at}").replace("{at}", instant(data["due"]))


def _instant(value: object) -> str | None:
    return None if value is None else instant(value)


def _rung(decision: Decided) -> int | None:
    """Return the step of the ladder that *decision* calls; the steps of other waits are words."""
    step = decision.data.get("step")
    return int(step) if decision.type == NOTICE_DUE and step is not None else None


def _share(data: Mapping[str, Any]) -> str | None:
    share = data.get("share")
    return f"{float(share):.0%}" if isinstance(share, int | float | str) else None


def _cell(cell: object) -> str:
    if isinstance(cell, Mapping):
        return "/".join(str(part) for part in cell.values() if part is not None)
    return str(cell or "none")


def _sum(line: object) -> str:
    if isinstance(line, Mapping):
        return ", ".join(f"{key} {value}" for key, value in line.items())
    return readable(str(line))


def _quoted(key: str) -> str:
    safe = "-._~:"
    return "".join(
        one if one.isascii() and (one.isalnum() or one in safe) else _percent(one) for one in key
    )


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
