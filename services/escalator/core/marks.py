"""What a policy does to people and promises: the part of decisions by which two can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from services.escalator.core.wire import Decision
from shared.contract.times import Instant, parse_instant

CALL: Final = "call"
BREACH: Final = "breach"
RAISE: Final = "raise"
MOVE: Final = "move"


class Mark(NamedTuple):
    """One thing that a policy has done to a ticket.

    Attributes:
        kind: `call`, `breach`, `raise` or `move`.
        ticket: The ticket's key.
        at: When; for a call that is held back, when it goes out.
        what: A role and a mode, a promise, an escalation's track and target, or two tiers.
        who: Of a call, the role; empty otherwise.
        tier: The tier of the case then.
    """

    kind: str
    ticket: str
    at: Instant
    what: str
    who: str
    tier: int


def marks(decision: Decision) -> Iterator[Mark]:
    """Yield what *decision* does to people and promises; most decisions do one thing or none."""
    data, kind = decision.data, decision.type
    ticket, at, tier = decision.ticket, decision.at, data["tier"]
    notify = data.get("notify")
    if notify:
        held = data.get("hold_until")
        rings = at if held is None else parse_instant(held)
        for one in notify:
            role, word = one["role"], "told by" if one["fyi"] else "called by"
            yield Mark(CALL, ticket, rings, f"{word} {one['mode']}", role, tier)
    match kind:
        case "timer.breached":
            yield Mark(BREACH, ticket, at, data["timer"], "", tier)
        case "escalation.raised":
            yield Mark(RAISE, ticket, at, f"{data['track']} to {data['target']}", "", tier)
        case "tier.changed":
            yield Mark(MOVE, ticket, at, f"tier {data['from_tier']} to {data['to_tier']}", "", tier)
        case _:
            pass
