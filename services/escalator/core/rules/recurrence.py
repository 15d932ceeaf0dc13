"""A resolved case comes back too late to be reopened: another one begins (Reopening)."""

from __future__ import annotations

from services.escalator.core import keys
from services.escalator.core.inputs import Signal
from services.escalator.core.rules import membership, opening
from services.escalator.core.turn import Turn


def begin_another(turn: Turn) -> None:
    """Let a new case begin with the facts of this one; what follows goes to it."""
    case = turn.case
    case.successor = keys.successor(case.ticket, case.recurrence_of)
    known = {
        "facts": case.facts,
        "severity": case.severity,
        "users": case.users,
        "orgs": case.orgs,
        "share": case.share,
        "org_wide": case.org_wide,
        "plan": case.plan,
        "vip": case.vip,
        "region": case.region,
        "flags": [flag for flag in case.flags if flag in turn.policy.overrides],
    }
    turn.send("recurs", case.successor, known)


def open_again(turn: Turn, signal: Signal) -> None:
    """Begin as the recurrence of the sender: its facts, fresh clocks."""
    case, known = turn.case, signal.data
    case.recurrence_of = signal.sender
    case.facts = dict(known["facts"])
    case.severity, case.users, case.orgs = known["severity"], known["users"], known["orgs"]
    case.share, case.org_wide = known["share"], known["org_wide"]
    case.plan, case.vip, case.region = known["plan"], known["vip"], known["region"]
    case.flags = tuple(known["flags"])
    opening.begin(turn)
    case.status = "open"
    membership.note(turn)
