"""Answers that nobody's history has: every call is taken so long after its people were told.

A helpdesk's own log does not say who acknowledged what, as it had no such thing, and a log of other
rules says it of other escalations. Taken as it is, nobody ever answers, and everybody is called to
the end of every ladder. With assumed answers it is told what follows for people who do answer.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.escalator.core import people
from services.escalator.core.case import Case
from services.escalator.core.wire import Decision
from shared.contract.acts import EscalationAcknowledged
from shared.contract.envelope import cloud_event
from shared.contract.events import TicketEvent
from shared.contract.ids import split_key
from shared.contract.times import Instant, Seconds, as_datetime, parse_instant
from shared.policy.document import PolicyTimeline

ASSUMED: Final = "assumed"
"""Whoever acknowledges because it is assumed; it begins the id of the event, too."""


@dataclass(slots=True)
class AssumedAnswers:
    """Who acknowledges what, and when.

    Attributes:
        after: Seconds between telling somebody of an escalation and their answer, by the wall
            clock: quiet hours pass before they are told, and not after.
    """

    after: Seconds
    _waiting: list[tuple[Instant, str, str, Sequence[str]]] = field(default_factory=list)

    @property
    def next_at(self) -> Instant | None:
        """When the next answer is due; None where none is."""
        return self._waiting[0][0] if self._waiting else None

    def expect(self, decisions: Sequence[Decision], now: Instant) -> bool:
        """Wait for the answers to *decisions*, made at *now*; return whether any asks for one."""
        raised = [
            one
            for one in decisions
            if one.type == "escalation.raised" and one.data["ack_due"] is not None
        ]
        for one in raised:
            held = one.data.get("hold_until")
            told = now if held is None else max(now, parse_instant(held))
            called = [entry["role"] for entry in one.data["notify"] if not entry["fyi"]]
            waits = (Instant(told + self.after), one.ticket, one.data["escalation_id"], called)
            heapq.heappush(self._waiting, waits)
        return bool(raised)

    def due(
        self, at: Instant, case: Callable[[str], Case | None], policies: PolicyTimeline
    ) -> Iterator[TicketEvent]:
        """Yield the acknowledgements of *at*, of what is still open then and nobody has taken."""
        while self._waiting and self._waiting[0][0] <= at:
            _, ticket, escalation, called = heapq.heappop(self._waiting)
            known = case(ticket)
            one = None if known is None else known.by_id(escalation)
            if one is None or one.acknowledged_by is not None:
                continue
            allowed = people.eligible(one, policies.version(one.policy_version))
            role = next((role for role in called if role in allowed), allowed[0])
            source, subject = split_key(ticket)
            yield cloud_event(
                EscalationAcknowledged(by=ASSUMED, role=role, escalation_id=escalation),
                type="escalation.acknowledged",
                id=f"{ASSUMED}:{escalation}",
                source=source,
                subject=subject,
                time=as_datetime(at),
            )
