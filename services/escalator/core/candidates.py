"""The changes that are tried: what somebody could have done by a time, and what could not have been."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from services.escalator.core.case import Case
from services.escalator.core.entries import entry
from services.escalator.core.inputs import Heard
from shared.contract.explanations import Change, Proposed
from shared.contract.times import Instant, as_datetime
from shared.policy.document import Policy

SHARE_STEP: Final = 0.0001
"""The least difference of a share that is looked at."""

_SEVERITIES: Final = ("S1", "S2", "S3", "S4")

Timed = Callable[[Instant], Change]
"""Gives the change that is made at an instant."""

_REPLY: Final = ("ticket.message", {"author": "agent", "public": True})
_NOTE: Final = ("ticket.message", {"author": "agent", "note_kind": "progress"})
_QUESTION: Final = ("ticket.message", {"author": "agent", "public": True, "asks_customer": True})
_WAITING: Final = ("ticket.status_changed", {"status": "waiting_customer"})
_RESOLVED: Final = ("ticket.status_changed", {"status": "resolved"})


def _adding(kind: str, at: Instant, *events: tuple[str, dict[str, Any]]) -> Change:
    when = as_datetime(at)
    return Change(
        kind=kind, add=tuple(Proposed(type=name, at=when, data=data) for name, data in events)
    )


DONE: Final[Mapping[str, Timed]] = {
    "reply": lambda at: _adding("reply", at, _REPLY),
    "progress": lambda at: _adding("progress", at, _NOTE),
    "pause": lambda at: _adding("pause", at, _QUESTION, _WAITING),
    "resolve": lambda at: _adding("resolve", at, _RESOLVED),
}
"""What anybody who works on a ticket can do about it."""


def acknowledgement(name: str, role: str) -> Timed:
    """Return the change that somebody in *role* takes the escalation *name*."""
    data = {"by": "somebody", "role": role, "escalation_id": name}
    return lambda at: _adding("acknowledge", at, ("escalation.acknowledged", data))


def less_grave(history: Iterable[Heard], case: Case) -> Iterator[Change]:
    """Yield what would have made *case* less severe, the smallest step first."""
    said = (
        str(getattr(one.event.data, "severity", None) or _SEVERITIES[-1])
        for one in history
        if one.event is not None
    )
    gravest = min(case.severity, *said)
    for severity in _SEVERITIES[_SEVERITIES.index(gravest) + 1 :]:
        yield Change(kind="severity", limits={"severity": severity})


def narrower(case: Case, policy: Policy) -> Iterator[Change]:
    """Yield the counts that keep *case* under its impact band, the smallest step first."""
    bands = policy.file.impact.table()
    for name in reversed([name for name in bands if name <= case.impact]):
        counts = bands[name].at_least
        if counts is not None:
            limits = {
                "affected_users": max(0, counts.users - 1),
                "affected_orgs": max(0, counts.orgs - 1),
                "affected_share": max(0.0, float(counts.share) - SHARE_STEP),
            }
            yield Change(kind="impact", limits=limits)


def without_flags(case: Case) -> Iterator[Change]:
    """Yield *case* without each of its flags."""
    for flag in case.flags:
        yield Change(kind="flag", limits={"flags": [flag]})


def unsaid(history: Iterable[Heard], at: Instant) -> Iterator[tuple[Change, str]]:
    """Yield the history without each event of the second *at*, with the event in words."""
    for heard in history:
        if heard.event is not None and heard.effective == at:
            yield Change(kind="unsaid", leave_out=(heard.event.id,)), entry(heard).text
