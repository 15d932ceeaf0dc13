"""Decisions with their versions, and their bytes on the topic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from services.escalator.core.case import Case
from services.escalator.core.turn import Effect
from shared.contract.ids import decision_id_text
from shared.contract.times import Instant, rfc3339

SOURCE: Final = "tierline/escalator"
_MOVES: Final = frozenset({"case.opened", "tier.changed", "case.reopened"})
_MOVES_KEPT: Final = 7


class Decision(NamedTuple):
    """One thing that the escalator has decided: version *version* of *ticket*.

    `cause` is the id of the event that led to it; None where time alone did.
    """

    ticket: str
    version: int
    type: str
    at: Instant
    data: dict[str, Any]
    cause: str | None = None

    @property
    def id(self) -> str:
        """Its id, the same whoever decides it again: a UUID as text."""
        return decision_id_text(self.ticket, self.version)


def publish(case: Case, effects: Iterable[Effect], now: Instant) -> tuple[Decision, ...]:
    """Give *effects* the next versions of the working copy *case* and say how late they are."""
    decisions = []
    for effect in effects:
        case.version += 1
        if effect.type in _MOVES:
            case.moves = (*case.moves[-_MOVES_KEPT:], (case.version, effect.data["tier"]))
        data = effect.data
        data["version"] = case.version
        data["late_by_s"] = max(0, now - effect.at)
        decisions.append(
            Decision(case.ticket, case.version, effect.type, effect.at, data, effect.cause)
        )
    return tuple(decisions)


def encode_decision(decision: Decision) -> bytes:
    """Return *decision* as a CloudEvent in structured JSON."""
    caused = {} if decision.cause is None else {"causationid": decision.cause}
    return to_json(
        {
            "specversion": "1.0",
            "id": decision.id,
            "source": SOURCE,
            "type": decision.type,
            "subject": decision.ticket,
            "partitionkey": decision.ticket,
            "time": rfc3339(decision.at),
            **caused,
            "datacontenttype": "application/json",
            "data": decision.data,
        }
    )
