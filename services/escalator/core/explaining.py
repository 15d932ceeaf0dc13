"""How a ticket stands at a moment, and why: what `explain` and `plan` answer.

One function for the live system and for a file of events: the same history, policies, moment and
view give the same answer, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from services.escalator.core.case import Case
from services.escalator.core.entries import entries, entry
from services.escalator.core.inputs import Heard
from services.escalator.core.plan import upcoming
from services.escalator.core.prevention import preventions
from services.escalator.core.snapshot import snapshot
from services.escalator.core.views import known
from services.escalator.core.whynot import not_told
from shared.contract.explanations import (
    Clock,
    ClosedDay,
    Entry,
    Explanation,
    OpenEscalation,
    Plan,
    PolicyName,
    View,
)
from shared.contract.sentences import moment, target, words
from shared.contract.times import Instant, as_datetime, parse_instant, rfc3339
from shared.policy.document import Policy, PolicyTimeline

LONGEST: Final = 500
"""Entries of what has happened; a ticket that nobody answers is called about for ever."""


def explain(
    key: str, history: Sequence[Heard], policies: PolicyTimeline, at: Instant, view: View
) -> Explanation:
    """Return how the case *key* stands at *at* and why.

    Args:
        key: The case.
        history: All that it has ever heard, in the order of receipt.
        policies: The policy versions.
        at: The moment, which may lie ahead.
        view: Whether what was heard after *at* counts.

    Raises:
        NothingKnownError: The case was not opened by then.
    """
    seen = known(key, history, policies, at, view)
    policy = policies.at(at)
    stands = snapshot(seen.case, at, policies)
    comes = tuple(entry(one) for one in upcoming(seen.case, policies, at))
    return Explanation(
        ticket=key,
        at=as_datetime(at),
        view=view,
        summary=_summary(seen.case, at, comes),
        status=stands["status"],
        tier=stands["tier"],
        priority=stands["priority"],
        cell=seen.case.cell,
        owner=stands["owner"],
        flags=tuple(stands["flags"]),
        group=stands["group"],
        merged_into=stands["merged_into"],
        policy=PolicyName(name=policy.name, version=policy.version, digest=policy.digest),
        escalations=tuple(_open(one) for one in stands["escalations"]),
        timers=tuple(_clock(one, seen.case, policy) for one in stands["timers"]),
        happened=tuple(entries(seen.happened, LONGEST)),
        earlier=max(0, len(seen.happened) - LONGEST),
        next=comes,
        not_told=not_told(seen, policies, at),
        prevention=preventions(seen, policies, at),
    )


def plan(
    key: str, history: Sequence[Heard], policies: PolicyTimeline, at: Instant, view: View
) -> Plan:
    """Return what the case *key* will do by itself after *at*; the arguments are `explain`'s.

    Raises:
        NothingKnownError: The case was not opened by then.
    """
    seen = known(key, history, policies, at, view)
    comes = upcoming(seen.case, policies, at)
    return Plan(ticket=key, at=as_datetime(at), view=view, next=tuple(entry(one) for one in comes))


def _open(plain: dict[str, Any]) -> OpenEscalation:
    due = plain["ack_due"]
    return OpenEscalation(
        **{
            **plain,
            "raised_at": as_datetime(parse_instant(plain["raised_at"])),
            "ack_due": None if due is None else as_datetime(parse_instant(due)),
            "triggers": tuple(plain["triggers"]),
        }
    )


def _clock(plain: dict[str, Any], case: Case, policy: Policy) -> Clock:
    if plain["due"] is None or case.opened_at is None:
        return Clock(**plain, closed=())
    due = parse_instant(plain["due"])
    closed = policy.calendar(plain["calendar"]).closed_days(case.opened_at, due)
    days = tuple(ClosedDay(day=day, reason=reason) for day, reason in closed)
    return Clock(**{**plain, "due": as_datetime(due)}, closed=days)


def _summary(case: Case, at: Instant, comes: Sequence[Entry]) -> str:
    owner = case.facts.get("owner")
    held = f", owned by {owner}" if owner else ""
    stands = (
        f"At {moment(rfc3339(at))} {case.ticket} is {words(case.status)}, {case.priority}"
        f" ({case.cell}), in tier {case.tier}{held}."
    )
    if case.group is not None:
        stands += f" It is a member of {case.group}."
    if case.merged_into is not None:
        stands += f" It was merged into {case.merged_into}."
    if not case.is_open:
        return f"{stands} Nothing is open on it."
    waiting = [target(one.target) for one in case.escalations if one.acknowledged_at is None]
    taken = [
        f"{target(one.target)} (taken by {one.acknowledged_by})"
        for one in case.escalations
        if one.acknowledged_at is not None
    ]
    if not case.escalations:
        escalated = "No escalation is open."
    else:
        escalated = (
            f"Escalated to {' and '.join([*taken, *(f'{o} (not taken)' for o in waiting)])}."
        )
    if not comes:
        return f"{stands} {escalated} Nothing will happen by itself."
    first = comes[0]
    return f"{stands} {escalated} Next, at {moment(first.at)}: {first.text}"
