"""Who would have been told in a role-play: every notice that the engine asked for, sent to nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from services.escalator.core.roleplay.transcript import Entry
from shared.contract.times import Instant, parse_instant


class Called(NamedTuple):
    """One notice that would have gone out: when, to which role, how, and about which ticket."""

    at: Instant
    role: str
    mode: str
    fyi: bool
    ticket: str
    tier: int


def called(transcript: Iterable[Entry]) -> Iterator[Called]:
    """Yield the notices of *transcript*; one that is held counts when its calendar opens."""
    for one in transcript:
        if one.kind != "decision" or one.ticket is None:
            continue
        held = one.data.get("hold_until")
        at = one.at if held is None else parse_instant(str(held))
        for entry in one.data.get("notify") or ():
            yield Called(
                at, entry["role"], entry["mode"], entry["fyi"], one.ticket, one.data["tier"]
            )
