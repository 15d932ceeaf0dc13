"""What a new policy version would change for a case that is open (Policy versions).

The case is carried on twice, once under the policies as they are and once with the new version, by
the functions that the live engine runs, as long as it takes until somebody new would be called.
Promises stay pinned and limits get their grace, since the engine does that. Nothing is announced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from services.escalator.core import agenda
from services.escalator.core.case import TIMERS, Case
from services.escalator.core.fold import Told, advance
from services.escalator.core.turn import Effect
from shared.contract.times import Instant, Seconds, rfc3339
from shared.policy.document import Policy, PolicyTimeline

_MOST_CALLS: Final = 6
_MOST_STEPS: Final = 24
"""How far both ways are followed: what differs later would differ after this, too."""


class Called(NamedTuple):
    """People who are called: when, by which triggers, by what, and the roles by how they are told."""

    at: Instant
    triggers: tuple[str, ...]
    by: str
    roles: tuple[str, ...]


class Moved(NamedTuple):
    """Something that is due at another time; None: never, or not by itself."""

    what: str
    before: Instant | None
    after: Instant | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would change for one open case.

    Attributes:
        ticket: Its key.
        tier: Where it stands.
        priority: Its priority.
        cell: Its cell, `S3/I1`.
        limit: The longest stay in its tier before and after, seconds; None where it stays the same.
        moved: What would be due at another time, the earliest first.
        next_call: The first call that differs, before and after; None on a side where nobody is
            called any more, and as a whole where all calls stay the same.
    """

    ticket: str
    tier: int
    priority: str
    cell: str
    limit: tuple[Seconds | None, Seconds | None] | None
    moved: tuple[Moved, ...]
    next_call: tuple[Called | None, Called | None] | None

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        before, after = self.limit or (None, None)
        old, new = self.next_call or (None, None)
        return {
            "ticket": self.ticket,
            "tier": self.tier,
            "priority": self.priority,
            "cell": self.cell,
            "limit": None if self.limit is None else {"before_s": before, "after_s": after},
            "due": [
                {"what": one.what, "before": _told(one.before), "after": _told(one.after)}
                for one in self.moved
            ],
            "next_call": None
            if self.next_call is None
            else {"before": _called(old), "after": _called(new)},
        }


def proposed(policies: PolicyTimeline, policy: Policy, at: Instant) -> PolicyTimeline:
    """Return *policies* with *policy* in force from *at* on, under the next number if need be."""
    number = max(policy.version, policies.newest.version + 1)
    return PolicyTimeline([*policies.versions(), (at, _numbered(policy, number))])


def preview(
    case: Case, policies: PolicyTimeline, new: PolicyTimeline, at: Instant
) -> Preview | None:
    """Return what *new* would change for *case* from *at* on, or None where nothing would change.

    Args:
        case: An open case.
        policies: What it is decided by.
        new: The same with the version that is thought of, from `proposed`.
        at: When that would begin to hold.
    """
    if not case.is_open:
        return None
    before, old_calls = _outlook(case, policies, at)
    after, new_calls = _outlook(case, new, at)
    limit = (before.dwell_limit, after.dwell_limit)
    moved = _moved(before, after)
    called = _first_difference(old_calls, new_calls)
    if limit[0] == limit[1] and not moved and called is None:
        return None
    return Preview(
        ticket=case.ticket,
        tier=before.tier,
        priority=before.priority,
        cell=before.cell,
        limit=None if limit[0] == limit[1] else limit,
        moved=moved,
        next_call=called,
    )


def _outlook(case: Case, policies: PolicyTimeline, at: Instant) -> tuple[Case, list[Called]]:
    """Return the case as it stands at *at*, and whom it calls from then on by itself."""
    work = case.copy()
    told = Told()
    advance(work, (at, TIMERS, 1, 0), policies, told)
    standing = work.copy()
    # What an open escalation still calls is settled by the version that raised it.
    work.escalations = tuple(one._replace(call=None) for one in work.escalations)
    calls = _calls(effect for effect in told.effects if effect.at >= at)
    for _ in range(_MOST_STEPS):
        due = agenda.next_timer(work, policies)
        if due is None or len(calls) >= _MOST_CALLS:
            break
        told = Told()
        advance(work, (due, TIMERS, 1, 0), policies, told)
        calls += _calls(told.effects)
    return standing, calls


def _calls(effects: Any) -> list[Called]:
    return [one for effect in effects if (one := _call(effect)) is not None]


def _call(effect: Effect) -> Called | None:
    notify = effect.data.get("notify")
    if not notify:
        return None
    roles = tuple(
        sorted(f"{'fyi:' if one['fyi'] else ''}{one['role']} by {one['mode']}" for one in notify)
    )
    return Called(effect.at, tuple(effect.data["because"]["triggers"]), effect.type, roles)


def _first_difference(
    before: Sequence[Called], after: Sequence[Called]
) -> tuple[Called | None, Called | None] | None:
    for n in range(max(len(before), len(after))):
        old = before[n] if n < len(before) else None
        new = after[n] if n < len(after) else None
        if old != new:
            return old, new
    return None


def _moved(before: Case, after: Case) -> tuple[Moved, ...]:
    found = [
        Moved("end of the stay", before.dwell_due, after.dwell_due),
        Moved("executives told", before.exec_inform_due, after.exec_inform_due),
        Moved("executives asked", before.exec_decide_due, after.exec_decide_due),
        Moved("silence after the acknowledgement", before.stale_due, after.stale_due),
    ]
    for name in dict.fromkeys((*before.timers, *after.timers)):
        old, new = before.timers.get(name), after.timers.get(name)
        found.append(
            Moved(f"next look at {name}", old and old.next_at, new and new.next_at),
        )
    different = [one for one in found if one.before != one.after]
    return tuple(sorted(different, key=lambda one: min(at for at in one[1:] if at is not None)))


def _numbered(policy: Policy, number: int) -> Policy:
    if number == policy.version:
        return policy
    return replace(policy, version=number, reference={**policy.reference, "version": number})


def _told(at: Instant | None) -> str | None:
    return None if at is None else rfc3339(at)


def _called(one: Called | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "at": rfc3339(one.at),
        "triggers": one.triggers,
        "by": one.by,
        "people": one.roles,
    }
