"""What a policy does to people and promises: the part of decisions by which two can be compared."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from services.escalator.core.wire import Decision
from shared.contract.times import Instant, parse_instant

CALL: Final = "call"
BREACH: Final = "breach"
RAISE: Final = "raise"
MOVE: Final = "move"


Plain: TypeAlias = tuple[str, str, Instant, str, str, int]
"""A mark without its names, which goes through a pipe in a third of the time."""


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


def marks(decision: Decision) -> list[Mark]:
    """Return what *decision* does to people and promises; most decisions do one thing or none."""
    data, kind = decision.data, decision.type
    ticket, at, tier = decision.ticket, decision.at, data["tier"]
    found: list[Mark] = []
    if notify := data.get("notify"):
        held = data.get("hold_until")
        rings = at if held is None else parse_instant(held)
        for one in notify:
            told = f"{'told' if one['fyi'] else 'called'} by {one['mode']}"
            found.append(Mark(CALL, ticket, rings, told, one["role"], tier))
    if kind == "timer.breached":
        found.append(Mark(BREACH, ticket, at, data["timer"], "", tier))
    elif kind == "escalation.raised":
        found.append(Mark(RAISE, ticket, at, f"{data['track']} to {data['target']}", "", tier))
    elif kind == "tier.changed":
        moved = f"tier {data['from_tier']} to {data['to_tier']}"
        found.append(Mark(MOVE, ticket, at, moved, "", tier))
    return found
