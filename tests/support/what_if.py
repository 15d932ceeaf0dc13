"""Events with one change made to them, to be simulated again."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic_core import to_json

from services.escalator.core.changed import limited
from services.escalator.core.simulation import Simulation
from shared.contract.events import TicketEvent, TicketFacts, decode_event
from shared.contract.explanations import Prevention
from shared.contract.ids import split_key
from shared.contract.times import Instant, instant
from shared.policy.document import PolicyTimeline


def with_change(ticket: str, events: Iterable[TicketEvent], one: Prevention) -> list[TicketEvent]:
    """Return *events* with the change of *one* made for *ticket*, in the order of receipt."""
    change, source_and_subject = one.change, split_key(ticket)
    left = []
    for event in events:
        if event.ticket != ticket:
            left.append(event)
        elif event.id in change.in_time:
            left.append(event.model_copy(update={"receivedat": one.latest}))
        elif event.id not in change.leave_out:
            if change.limits and isinstance(event.data, TicketFacts):
                data = limited(event.data, change.limits)
                left.append(event.model_copy(update={"data": data}))
            else:
                left.append(event)
    for n, added in enumerate(change.add):
        plain = {
            "specversion": "1.0",
            "id": f"what-if/{n}",
            "source": source_and_subject[0],
            "subject": source_and_subject[1],
            "type": added.type,
            "time": added.at,
            "data": added.data,
        }
        left.append(decode_event(to_json(plain)))
    return sorted(left, key=lambda event: event.receivedat or event.time)


def still_there(
    ticket: str, events: Iterable[TicketEvent], one: Prevention, policies: PolicyTimeline
) -> int:
    """Return how often the engine decides on *events* what *one* says would not be."""
    at: Instant = instant(one.at)
    found = 0
    for decision in Simulation(policies).run(events, at):
        data = decision.data
        if decision.ticket != ticket or decision.at > at:
            continue
        if one.prevents == "call":
            same = data.get("escalation_id") == one.escalation_id and data.get("step") == one.step
            found += decision.type == "escalation.notice_due" and same
        elif decision.type == "escalation.raised":
            found += (data["track"], data["target"]) == (one.track, one.target)
    return found
