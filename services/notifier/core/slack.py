"""What Slack is shown: blocks, with every word escaped for its mark-up and no mention but our own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from services.notifier.core.answering import RETURN_REASONS, Act, name_of
from services.notifier.core.known import OPEN, Called, Known
from services.notifier.core.message import ZERO_WIDTH, Message, cut, defused, plain
from services.notifier.core.roster import Roster
from services.notifier.core.wording import Terms, instant
from shared.contract.sentences import target

Blocks = list[dict[str, Any]]

SECTION: Final = 3000
"""Characters of a section's text that Slack takes."""

MOST_BLOCKS: Final = 50
"""Blocks of a message that Slack takes."""

HEAD: Final = 150
_IN_FULL: Final = 40
_ACTION: Final = "tierline."


def escaped(text: str) -> str:
    """Return *text* so that Slack shows it as it is: no mention, no link, no mark-up of ours."""
    safe = defused(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # Marks that would make text bold, struck or code are shown, not obeyed.
    for mark in ("*", "_", "~", "`"):
        safe = safe.replace(mark, f"{mark}{ZERO_WIDTH}")
    return safe


def notice_blocks(message: Message, *, state: Blocks | None = None) -> Blocks:
    """Return *message* as blocks, with *state*, the ticket's own, after it."""
    links = _links(message.links)
    body = "\n".join(escaped(line) for line in message.lines)
    blocks: Blocks = [_section(f"*{escaped(message.subject)}*")]
    blocks += [_section(part) for part in _chunks(body)]
    if links:
        blocks.append(_context(links))
    return [*blocks[: MOST_BLOCKS - 10], *(state or [])]


def digest_blocks(message: Message, tickets: Sequence[str]) -> Blocks:
    """Return a digest as blocks: the first notices in full, every other ticket by its key.

    Should the keys be so long that they do not all fit, the last line says how many are missing;
    they are found on the board, which the digest links to.
    """
    whole = message.lines[: _IN_FULL + 1]
    blocks: Blocks = [_section(f"*{escaped(message.subject)}*")]
    blocks += [_section(part) for part in _chunks("\n".join(escaped(one) for one in whole))]
    told = set(tickets[:_IN_FULL])
    rest = [one for one in dict.fromkeys(tickets) if one not in told]
    foot = [_context(_links(message.links))] if message.links else []
    parts = _chunks(" ".join(escaped(one) for one in rest), " ")
    room = MOST_BLOCKS - len(blocks) - len(foot)
    if len(parts) > room:
        missing = sum(part.count(" ") + 1 for part in parts[room - 1 :])
        parts = [*parts[: room - 1], f"… {missing} more"]
    return [*blocks, *(_section(part) for part in parts), *foot]


def card_blocks(
    known: Known, roster: Roster, terms: Terms, *, veiled: bool, url: str | None = None
) -> Blocks:
    """Return how the ticket stands: one card, always the same message, updated in place."""
    name = escaped(known.ticket)
    if veiled:
        return [_section(f"Restricted case {name}")]
    standing = [f"tier {known.tier}" if known.tier else "", known.priority or "", known.status]
    head = f"*{name}*" + (f" {escaped(plain(known.facts.title))}" if known.facts.title else "")
    blocks: Blocks = [
        {"type": "divider"},
        _section(f"{head}\n{' · '.join(escaped(one) for one in standing if one)}"),
    ]
    for key, call in known.calls.items():
        if call.ended is None:
            blocks.append(_section(_call(call, roster)))
            if known.status == OPEN:
                blocks.append(_buttons(known.ticket, key, call, terms))
    if url:
        blocks.append(
            _context([f"<{_address(url)}|{escaped(terms.phrases.get('history', 'Its history'))}>"])
        )
    return blocks[:MOST_BLOCKS]


def return_form(ticket: str, escalation: str, channel: str) -> dict[str, Any]:
    """Return the form that a pressed *Return* opens."""
    options = [_option(one.replace("_", " "), one) for one in RETURN_REASONS]
    return _view(
        Act.RETURN,
        (ticket, escalation, channel),
        [
            {
                "type": "input",
                "block_id": "reason_code",
                "label": _plain("Why"),
                "element": {
                    "type": "static_select",
                    "action_id": "reason_code",
                    "options": options,
                },
            },
            _input("what", "What is missing or wrong"),
            _input("path", "What to do instead"),
        ],
    )


def escalate_form(ticket: str, escalation: str, channel: str) -> dict[str, Any]:
    """Return the form that a pressed *Escalate* opens."""
    return _view(
        Act.ESCALATE, (ticket, escalation, channel), [_input("what", "Why it must go higher")]
    )


def act_of(action_id: str) -> Act | None:
    """Return what a button or form with *action_id* answers; None when it is none of ours."""
    if not action_id.startswith(_ACTION):
        return None
    try:
        return Act(action_id.removeprefix(_ACTION))
    except ValueError:
        return None


def _call(call: Called, roster: Roster) -> str:
    what = escaped(target(call.target)) if call.target else "the next tier"
    if call.acknowledged is not None:
        who = escaped(plain(name_of(call.by, roster) or "somebody"))
        when = f" at {instant(call.taken_at)}" if call.taken_at else ""
        return f":white_check_mark: Escalated to {what}: acknowledged by {who}{when}"
    due = f"; acknowledge by {instant(call.ack_due)}" if call.ack_due else ""
    return f":rotating_light: Escalated to {what}{due}"


def _buttons(ticket: str, escalation: str, call: Called, terms: Terms) -> dict[str, Any]:
    value = json.dumps({"t": ticket, "e": escalation}, separators=(",", ":"))

    def button(act: Act, style: str | None = None) -> dict[str, Any]:
        words = terms.phrases.get(f"do_{act}", str(act))
        made = {
            "type": "button",
            "text": _plain(words),
            "action_id": f"{_ACTION}{act}",
            "value": value,
        }
        return made if style is None else {**made, "style": style}

    first = [button(Act.ACKNOWLEDGE, "primary")] if call.acknowledged is None else []
    silent = {
        "type": "static_select",
        "placeholder": _plain(terms.phrases.get("do_snooze", "Be silent until")),
        "action_id": f"{_ACTION}{Act.SNOOZE}",
        "options": [
            _option(words, name)
            for name, words in (
                ("PT30M", "30 min"),
                ("PT1H", "1 h"),
                ("PT2H", "2 h"),
                ("PT4H", "4 h"),
            )
        ],
    }
    return {
        "type": "actions",
        "block_id": cut(f"call|{escalation}", 255),
        "elements": [*first, button(Act.RETURN), button(Act.ESCALATE), silent],
    }


def _view(act: Act, of: tuple[str, str, str], blocks: Blocks) -> dict[str, Any]:
    ticket, escalation, channel = of
    return {
        "type": "modal",
        "callback_id": f"{_ACTION}{act}",
        "title": _plain(cut(f"{act}".capitalize(), 24)),
        "submit": _plain("Send"),
        "close": _plain("Cancel"),
        "private_metadata": json.dumps({"t": ticket, "e": escalation, "c": channel}),
        "blocks": blocks,
    }


def _input(name: str, label: str) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": name, "multiline": True, "max_length": 2000}
    return {"type": "input", "block_id": name, "label": _plain(label), "element": element}


def _option(words: str, value: str) -> dict[str, Any]:
    return {"text": _plain(words), "value": value}


def _plain(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": cut(plain(words), 75), "emoji": False}


def _section(text: str) -> dict[str, Any]:
    return {
        "type": "section",
        "text": {"type": "mrkdwn", "text": cut(text, SECTION), "verbatim": True},
    }


def _context(texts: Iterable[str]) -> dict[str, Any]:
    elements = [{"type": "mrkdwn", "text": cut(one, SECTION), "verbatim": True} for one in texts]
    return {"type": "context", "elements": elements[:10]}


def _links(links: Iterable[tuple[str, str]]) -> list[str]:
    return [f"<{_address(address)}|{escaped(words)}>" for words, address in links]


def _address(url: str) -> str:
    """Return *url* so that nothing in it ends the link or starts another."""
    quoted: Mapping[str, str] = {"<": "%3C", ">": "%3E", "|": "%7C", " ": "%20", "&": "&amp;"}
    return "".join(quoted.get(one, one) for one in plain(url))


def _chunks(text: str, joint: str = "\n") -> list[str]:
    """Cut *text* at its *joint*s into parts that fit a section each."""
    parts: list[str] = []
    for piece in text.split(joint):
        if parts and len(parts[-1]) + len(joint) + len(piece) <= SECTION:
            parts[-1] += joint + piece
        elif piece:
            parts.append(cut(piece, SECTION))
    return parts
