"""What is in a bundle: the events of one case and of what belongs to it, policies, decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json, to_json

from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.decisions import DecisionEvent, GroupJoined
from shared.contract.envelope import encode
from shared.contract.errors import InvalidEventError
from shared.contract.events import TicketEvent, TicketMerged, decode_event
from shared.contract.times import Instant, parse_instant, rfc3339
from shared.policy.document import PolicyTimeline
from shared.policy.load import PolicyError, load_policy

FORMAT: Final = "tierline.bundle/1"

Plain = dict[str, Any]


class UnusableBundleError(Exception):
    """A file is no bundle, or not one that can be replayed; the message says why."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One case.

    Attributes:
        ticket: Its key.
        until: Up to when it was played.
        policies: The versions, each with the instant from which it holds.
        events: Of the ticket and of every one that it met, in the order of receipt.
        decisions: On the ticket alone.
        anonymous: Whether names and texts of people were taken out.
    """

    ticket: str
    until: Instant
    policies: Sequence[tuple[Instant, str]]
    events: Sequence[Plain]
    decisions: Sequence[Plain]
    anonymous: bool

    def document(self) -> Plain:
        """Return it as plain JSON values; policies carry their calendars."""
        return {
            "format": FORMAT,
            "ticket": self.ticket,
            "until": rfc3339(self.until),
            "anonymous": self.anonymous,
            "policies": [{"active_from": rfc3339(at), "text": text} for at, text in self.policies],
            "events": list(self.events),
            "decisions": list(self.decisions),
        }


def related(
    ticket: str, events: Iterable[TicketEvent], decisions: Iterable[DecisionEvent]
) -> set[str]:
    """Return the keys of the tickets without which *ticket* cannot be replayed.

    Those are the ones merged into it or that it was merged into, and the members of its groups, and
    again those of these.
    """
    links: dict[str, set[str]] = {}
    for event in events:
        if isinstance(event.data, TicketMerged):
            links.setdefault(event.ticket, set()).add(event.data.into)
            links.setdefault(event.data.into, set()).add(event.ticket)
    for decision in decisions:
        if isinstance(decision.data, GroupJoined):
            links.setdefault(decision.ticket, set()).add(decision.data.group_id)
            links.setdefault(decision.data.group_id, set()).add(decision.ticket)
    found, left = {ticket}, [ticket]
    while left:
        more = links.get(left.pop(), set()) - found
        found |= more
        left += more
    return found


def gathered(
    ticket: str,
    events: Sequence[TicketEvent],
    decisions: Sequence[DecisionEvent],
    policies: PolicyTimeline,
    until: Instant,
) -> Bundle:
    """Return the bundle of *ticket*; both sequences come in their order and may hold any tickets.

    Raises:
        UnusableBundleError: Nothing was heard of the ticket.
    """
    base = ticket.partition("/")[0] if not ticket.startswith("group:") else ticket
    keys = related(base, events, decisions)
    kept = [from_json(encode(one)) for one in events if one.ticket in keys]
    if not any(one.ticket == base for one in events):
        msg = f"nothing was heard of {ticket}; write its key as source:ticket"
        raise UnusableBundleError(msg)
    decided = [from_json(encode(one)) for one in decisions if one.ticket == ticket]
    texts = [(at, policy.text) for at, policy in policies.versions()]
    return Bundle(ticket, until, texts, kept, decided, anonymous=False)


def read_bundle(document: Mapping[str, Any]) -> Bundle:
    """Return the bundle in *document*.

    Raises:
        UnusableBundleError: It is none.
    """
    if document.get("format") != FORMAT:
        msg = f"its format is {document.get('format')!r}, and not {FORMAT}"
        raise UnusableBundleError(msg)
    try:
        return Bundle(
            document["ticket"],
            parse_instant(document["until"]),
            [(parse_instant(one["active_from"]), one["text"]) for one in document["policies"]],
            document["events"],
            document["decisions"],
            anonymous=document["anonymous"],
        )
    except (KeyError, TypeError, ValueError) as error:
        msg = f"it lacks something: {error!r}"
        raise UnusableBundleError(msg) from None


def replayed(bundle: Bundle) -> list[Plain]:
    """Return the decisions on the ticket that the engine makes of the events in *bundle*.

    Raises:
        UnusableBundleError: An event or a policy in it cannot be read.
    """
    try:
        policies = PolicyTimeline([(at, load_policy(text)) for at, text in bundle.policies])
        events = [decode_event(to_json(one)) for one in bundle.events]
    except (PolicyError, InvalidEventError, ValueError) as error:
        raise UnusableBundleError(str(error)) from None
    return [
        from_json(encode_decision(one))
        for one in Simulation(policies).run(events, bundle.until)
        if one.ticket == bundle.ticket
    ]


def differences(recorded: Sequence[Plain], again: Sequence[Plain]) -> list[str]:
    """Return in words where two runs differ; how late a decision was really made is no difference."""
    found = [
        f"version {number}: {_said(one)}, and on replay {_said(two)}"
        for number, (one, two) in enumerate(zip(recorded, again, strict=False), start=1)
        if _essence(one) != _essence(two)
    ]
    for name, more, less in (
        ("only recorded", recorded, again),
        ("only on replay", again, recorded),
    ):
        found += [f"{name}: {_said(one)}" for one in more[len(less) :]]
    return found


def _essence(decision: Plain) -> Plain:
    data = {key: value for key, value in decision["data"].items() if key != "late_by_s"}
    return {"type": decision["type"], "time": decision["time"], "data": data}


def _said(decision: Plain) -> str:
    return f"{decision['type']} at {decision['time']}"
