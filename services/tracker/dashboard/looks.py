"""How single values look on a page: words beside colours, links that browsers may follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from services.tracker.core.standing import ANSWER, DWELL
from services.tracker.replies import Deadline, Ticket, Timer
from shared.contract.explanations import Clock
from shared.contract.lengths import span
from shared.contract.sentences import clock, in_words, target

_SOON_S: Final = 3600
_PRIORITIES: Final = {"P1": "critical", "P2": "high", "P3": "normal", "P4": "low"}


def link(key: str) -> str:
    """Return the address of the page of the ticket *key*."""
    return f"/tickets/{quote(key, safe=':/')}"


def web(url: str | None) -> str | None:
    """Return *url* where a browser may follow it."""
    if url is None:
        return None
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return None
    return url if scheme in {"http", "https"} else None


def filled(form: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of *form* that were filled in, each with what stands in it."""
    return [(name, in_words(value)) for name, value in form.items() if value not in (None, "", [])]


def due(deadline: Deadline) -> str:
    """Return how far away *deadline* is: `in 25 min`, `overdue 2 h 5 min`."""
    length = span(deadline.due_in_s)
    if deadline.due_in_s < 0:
        return f"overdue {length}"
    return f"in {length}"


def urgency(ticket: Ticket) -> str:
    """Return how near the breach is, as a word: `overdue`, `soon`, `later` or `none`."""
    deadline = ticket.next_deadline
    if deadline is None:
        return "none"
    if deadline.due_in_s < 0:
        return "overdue"
    return "soon" if deadline.due_in_s < _SOON_S else "later"


def step(deadline: Deadline) -> str:
    """Return what *deadline* will bring: `answer of tier 2 due`, `stay in the tier ends`."""
    if deadline.timer == ANSWER:
        return f"answer of {target(deadline.target)} due"
    return (
        f"{clock(deadline.timer)} ends"
        if deadline.timer == DWELL
        else f"{clock(deadline.timer)} due"
    )


def priority(name: str | None) -> str:
    """Return the priority *name* with its word: `P1 critical`."""
    return "not decided" if name is None else f"{name} {_PRIORITIES.get(name, '')}"


def bar(timer: Timer | Clock) -> int | None:
    """Return how much of its allowance *timer* has used, percent up to 100; None where unknown."""
    if not timer.allowance_s or timer.used_s is None:
        return None
    return min(100, max(0, round(100 * timer.used_s / timer.allowance_s)))
