"""What helpdesks and people report in a run: many tickets' lives, the same ones for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

SOURCE: Final = "desk"

_TICKETS_PER_S: Final = 3
_REPEATED: Final = 0.1
_BACKDATED: Final = 0.15
_RESOLVED: Final = 0.5
_LONGEST_BACKDATE_S: Final = 3600
_MEAN_GAP_S: Final = 3.0
_ROLES: Final = ("t2_specialist", "t2_specialist", "t3_responder", "t3_oncall", "t1_agent")
# Few are urgent: one that nobody answers calls people every few minutes for as long as it lives.
_SEVERITIES: Final = ("S1", "S2", "S2", *["S3"] * 8, *["S4"] * 3, None, None)
_AFFECTED: Final = (*[1] * 12, 2, 3, 5, 12, 12, 150)


@dataclass(frozen=True, slots=True)
class Act:
    """One event to be reported.

    Attributes:
        id: Its id; an act with the id of an earlier one is that one again.
        ticket: The ticket as its helpdesk knows it.
        at_s: When it is reported at the earliest, real seconds after the beginning.
        type: Its CloudEvents type.
        data: Its data; `resume_in_s` stands for a `resume_at` so many virtual seconds ahead.
        backdate_s: So many virtual seconds before its report it happened.
        with_last: Whether it happened in the same second as the ticket's act before it.
    """

    id: str
    ticket: str
    at_s: float
    type: str
    data: dict[str, Any]
    backdate_s: int = 0
    with_last: bool = False


def story(seed: int, seconds: float) -> list[list[Act]]:
    """Return the lives of tickets that begin within *seconds*, each in the order of its reports."""
    chance = Random(f"story {seed}")  # noqa: S311  a test's dice
    count = round(seconds * _TICKETS_PER_S)
    return [_life(f"T{number:05}", chance, seconds) for number in range(count)]


def _life(ticket: str, chance: Random, seconds: float) -> list[Act]:
    at_s = chance.uniform(0, seconds * 0.8)
    acts: list[Act] = []
    lived = [("ticket.opened", _opening(ticket, chance), False)]
    for _ in range(chance.randint(1, 7)):
        lived += chance.choice(_TURNS)(chance)
    if chance.random() < _RESOLVED:
        lived += _resolution(chance)
    for kind, data, with_last in lived:
        late = 0 if with_last or chance.random() > _BACKDATED else _backdate(chance)
        acts.append(Act(f"{ticket}.{len(acts)}", ticket, at_s, kind, data, late, with_last))
        at_s += 0.0 if with_last else chance.expovariate(1 / _MEAN_GAP_S)
    return sorted([*acts, *_again(acts, chance)], key=lambda act: act.at_s)


def _again(acts: list[Act], chance: Random) -> Iterator[Act]:
    for act in acts:
        if chance.random() < _REPEATED:
            later = act.at_s + chance.uniform(0.01, 5)
            yield Act(act.id, act.ticket, later, act.type, act.data)


def _backdate(chance: Random) -> int:
    return chance.randint(60, _LONGEST_BACKDATE_S)


def _opening(ticket: str, chance: Random) -> dict[str, Any]:
    # No component or symptom: tickets that have them in common are joined into groups.
    return {
        "title": f"Totals of {ticket} differ",
        "severity": chance.choice(_SEVERITIES),
        "affected_users": chance.choice(_AFFECTED),
        "requester": "ann",
        "owner": chance.choice(["olga", "owen"]),
        "customer": {
            "id": f"customer-{ticket}",
            "plan": chance.choice(["standard", "premium", "enterprise"]),
            "vip": chance.random() < 0.1,
            "region": chance.choice(["emea", "amer", "apac"]),
        },
    }


Turn = list[tuple[str, dict[str, Any], bool]]


def _reply(_: Random) -> Turn:
    return [("ticket.message", {"author": "agent", "public": True, "by": "olga"}, False)]


def _word_of_customer(chance: Random) -> Turn:
    manager = chance.random() < 0.1
    data = {"author": "customer", "public": True, "wants_manager": manager}
    return [("ticket.message", data, False)]


def _note(_: Random) -> Turn:
    return [("ticket.message", {"author": "agent", "note_kind": "progress", "by": "olga"}, False)]


def _worse(chance: Random) -> Turn:
    data: dict[str, Any] = {"affected_users": chance.choice([3, 4, 5, 15, 200])}
    if chance.random() < 0.2:
        data["severity"] = chance.choice(["S1", "S2"])
    return [("ticket.updated", data, False)]


def _milder(chance: Random) -> Turn:
    data = {"severity": "S4", "by": "lea", "role": "t2_lead", "reason": "a workaround holds"}
    if chance.random() < 0.3:
        data["role"] = "t1_agent"
    return [("ticket.updated", data, False)]


def _acknowledgement(chance: Random) -> Turn:
    return [
        ("escalation.acknowledged", {"by": "tom", "role": chance.choice(_ROLES)}, False)
        for _ in range(2)
    ]


def _request(_: Random) -> Turn:
    info = {"problem": "totals differ", "tried": "a restart", "specific_ask": "look at the ledger"}
    data = {"by": "olga", "role": "t1_agent", "info": info, "reason": "beyond us"}
    return [("escalation.requested", data, False)]


def _information(_: Random) -> Turn:
    info = {"problem_statement": "totals differ", "steps_taken": "a restart", "impact": "invoices"}
    return [("escalation.info_supplied", {"by": "olga", "role": "t1_agent", "info": info}, False)]


def _question(_: Random) -> Turn:
    asked = {"author": "agent", "public": True, "asks_customer": True, "by": "olga"}
    return [
        ("ticket.message", asked, False),
        ("ticket.status_changed", {"status": "waiting_customer", "by": "olga"}, True),
    ]


def _hold(chance: Random) -> Turn:
    data = {"status": "scheduled_hold", "by": "olga", "customer_agreement_ref": "mail 7"}
    return [("ticket.status_changed", {**data, "resume_in_s": chance.randint(600, 20_000)}, False)]


def _status(chance: Random) -> Turn:
    to = chance.choice(["open", "waiting_internal", "waiting_vendor", "resolved", "cancelled"])
    return [("ticket.status_changed", {"status": to, "by": "olga"}, False)]


def _resolution(_: Random) -> Turn:
    return [("ticket.status_changed", {"status": "resolved", "by": "olga"}, False)]


_TURNS: Final = (
    _reply,
    _reply,
    _word_of_customer,
    _word_of_customer,
    _note,
    _worse,
    _milder,
    _acknowledgement,
    _acknowledgement,
    _acknowledgement,
    _request,
    _information,
    _question,
    _hold,
    _status,
    _resolution,
)
