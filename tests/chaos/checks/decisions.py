"""The escalator: every ticket stands as its events make it, and everything decided is on the topic."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.escalator.core.decide import Case, restore
from services.escalator.core.inputs import hear_of
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from tests.chaos.checks.finding import Fault, Finding
from tests.chaos.checks.replay import Input, Replay, first_difference, without_lateness
from tests.chaos.evidence import Evidence, applied

# What of a case does not depend on when its events arrived, whatever was withdrawn meanwhile.
_SETTLED: Final = (
    "status",
    "severity",
    "impact",
    "priority",
    "facts",
    "opened_at",
    "resolved_at",
    "pauses",
    "reopens",
    "duplicates",
    "first_reply_at",
    "timers",
)


@dataclass
class Compared:
    """What was compared with what.

    Attributes:
        exact: Tickets whose decisions and state are just those of `simulate`.
        late: Tickets in which a timer had fired before an event that was on its way, or where
            decisions bear the time at which the escalator came to a late event: decided again in
            the order in which it happened, and the state compared in what does not depend on it.
        early: Timers that had fired so.
        flagged: Decisions that say that input was missing.
    """

    exact: int = 0
    late: int = 0
    early: int = 0
    flagged: int = 0


@dataclass
class _Ticket:
    inputs: list[Input] = field(default_factory=list)
    events: list[TicketEvent] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)


def check(evidence: Evidence, compared: Compared) -> Iterator[Finding]:
    """Yield everything that the escalator did wrong; count in *compared* what was compared."""
    policies = PolicyTimeline([(Instant(0), load_policy_file(DEFAULT_POLICY))])
    tickets = _tickets(evidence, policies)
    cases = {row["key"]: restore(row["body"]) for row in evidence.escalator["cases"]}
    for row in evidence.escalator["dead"]:
        yield Finding(Fault.LOST, f"the escalator parked {row}")
    yield from _heard(evidence, tickets)
    for key in sorted(tickets.keys() | cases.keys()):
        if key not in tickets:
            yield Finding(Fault.WRONG, f"{key} is a case, but nothing was said of it")
        elif key not in cases:
            yield Finding(Fault.LOST, f"{key} has events, but is no case")
        else:
            yield from _ticket(key, tickets[key], cases[key], policies, compared)


def _tickets(evidence: Evidence, policies: PolicyTimeline) -> dict[str, _Ticket]:
    tickets: dict[str, _Ticket] = defaultdict(_Ticket)
    seen: set[tuple[str, str]] = set()
    clock = evidence.clock
    # A stamp of the broker is cut to the millisecond, an instant to the second.
    blur = clock.speed / 1000 + 1
    for record in applied(evidence.events, evidence.escalator):
        event = decode_event(record.value, record.headers)
        heard = hear_of(event, record.offset, policies.at(Instant(0)))
        known_at = Instant(int(record.appended_ms / 1000 * clock.speed + clock.offset_s + blur))
        identity = (event.source, event.id)
        tickets[event.ticket].inputs.append(Input(heard, known_at, identity in seen))
        tickets[event.ticket].events.append(event)
        seen.add(identity)
    for row in evidence.escalator["outbox"]:
        tickets[row["ticket"]].told.append(json.loads(bytes(row["payload"])))
    return dict(tickets)


def _heard(evidence: Evidence, tickets: Mapping[str, _Ticket]) -> Iterator[Finding]:
    """Every event is in the history of its ticket once."""
    stored = Counter({row["ticket"]: row["n"] for row in evidence.escalator["heard"]})
    due = Counter({key: sum(not i.repeat for i in one.inputs) for key, one in tickets.items()})
    for key in stored.keys() | due.keys():
        if stored[key] != due[key]:
            fault = Fault.LOST if stored[key] < due[key] else Fault.DUPLICATE
            yield Finding(fault, f"{key} has heard {stored[key]} events instead of {due[key]}")


def _ticket(
    key: str, ticket: _Ticket, case: Case, policies: PolicyTimeline, compared: Compared
) -> Iterator[Finding]:
    versions = [one["data"]["version"] for one in ticket.told]
    if versions != list(range(1, case.version + 1)):
        yield Finding(Fault.GAP, f"{key} is at version {case.version}, decided were {versions}")
        return
    compared.flagged += sum("late_input" in one["data"]["because"]["facts"] for one in ticket.told)
    replayed = Replay(key, ticket.inputs, ticket.told, case, policies).run()
    if replayed.flaw is not None:
        yield Finding(Fault.WRONG, f"{key}: {replayed.flaw}")
        return
    compared.early += replayed.early
    simulation, decisions = _simulated(ticket, case, policies)
    simulated = simulation.case(key) or Case(key)
    if replayed.early or replayed.stamped:
        compared.late += 1
        yield from _alike(key, simulated, case, _SETTLED)
        return
    compared.exact += 1
    told = [without_lateness(one) for one in ticket.told]
    if decisions[: len(told)] != told:
        yield Finding(Fault.WRONG, f"{key}: of simulate, {first_difference(decisions, told)}")
    elif len(decisions) == len(told):
        names = [name for name in case.__dict__ if name != "horizon"]
        yield from _alike(key, simulated, case, names)


def _simulated(
    ticket: _Ticket, case: Case, policies: PolicyTimeline
) -> tuple[Simulation, list[dict[str, Any]]]:
    simulation = Simulation(policies)
    until = Instant(max(0, case.horizon[0]))
    decided = simulation.run(ticket.events, until)
    return simulation, [without_lateness(json.loads(encode_decision(one))) for one in decided]


def _alike(key: str, simulated: Case, case: Case, names: Sequence[str]) -> Iterator[Finding]:
    for name in names:
        ours, theirs = getattr(simulated, name), getattr(case, name)
        if _listed(ours) != _listed(theirs):
            yield Finding(Fault.WRONG, f"{key}: {name} is {theirs}, simulate says {ours}")


def _listed(value: Any) -> Any:
    """Return *value* as it reads after having been stored."""
    if isinstance(value, dict):
        return {name: _listed(part) for name, part in value.items()}
    return [_listed(part) for part in value] if isinstance(value, list | tuple) else value
