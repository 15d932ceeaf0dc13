"""What would have prevented an escalation, or a call: tried on the history, and seen.

Every change that is named was made to the history, the history was folded again with all timers up
to the moment of the escalation, and the escalation was not there. Where a change has a time, the
last second is looked for at which it still prevents it; one second later it does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from services.escalator.core import keys, people
from services.escalator.core.avoidance import described
from services.escalator.core.candidates import (
    DONE,
    Timed,
    acknowledgement,
    less_grave,
    narrower,
    unsaid,
    without_flags,
)
from services.escalator.core.changed import changed
from services.escalator.core.fold import Folded
from services.escalator.core.turn import Effect
from services.escalator.core.views import Decided, Known, folded
from shared.contract.explanations import Change, Instead, Prevention
from shared.contract.times import Instant, Seconds, as_datetime
from shared.policy.document import PolicyTimeline

MOST: Final = 5
"""Of as many escalations, those raised last, it is looked for what would have prevented them."""

LATER: Final = Seconds(86_400)
"""So long after an escalation it is looked whether it would only have come later."""

_RAISED: Final = "escalation.raised"
_RESTORED: Final = "restored"
_GRADED: Final = frozenset({"severity", "impact"})

Prevents = Callable[[Change], "Tried | None"]


class Tried(NamedTuple):
    """A change that prevents: the escalations that come in place of the one that does not."""

    instead: tuple[Instead, ...]


def preventions(known: Known, policies: PolicyTimeline, at: Instant) -> tuple[Prevention, ...]:
    """Return what would have prevented the escalations of *known* up to *at*, the newest first.

    Only what one ticket says for itself is changed: of a group, and of what other tickets have
    caused here, nothing is proposed.
    """
    if known.case.kind != keys.TICKET:
        return ()
    search = _Search(known, policies, at)
    found: list[Prevention] = list(search.late())
    raised = [one for one in search.effects if one.type == _RAISED]
    for one in reversed(raised[-MOST:]):
        if one.data["because"]["triggers"] != [_RESTORED]:
            found += search.of_raise(one)
            found += search.of_call(one.data["escalation_id"])
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


class _Search:
    """The history as it was, and everything that is tried on it."""

    def __init__(self, known: Known, policies: PolicyTimeline, at: Instant) -> None:
        self.known = known
        self.key = known.case.ticket
        self.policies = policies
        self.at = at
        self.effects = self._folded(None, at).told.effects
        self.opened_at = known.case.opened_at or at

    def late(self) -> Iterator[Prevention]:
        """Escalations that were withdrawn because something came late: it could have come in time."""
        raised = {
            one.data["escalation_id"]: one for one in self.known.decided if one.type == _RAISED
        }
        there = {one.data["escalation_id"] for one in self.effects if one.type == _RAISED}
        for end in self.known.decided:
            one = raised.get(end.data.get("escalation_id", ""))
            withdrawn = end.type == "escalation.ended" and end.data["detail"] == "late_event"
            if one is None or not withdrawn or one.data["escalation_id"] in there:
                continue
            ids = tuple(
                heard.event.id
                for heard in self.known.history
                if heard.event is not None and heard.received == end.at > heard.effective
            )
            if ids:
                change = Change(kind="in_time", in_time=ids)
                yield self._named(one, change, one.at, ())

    def of_raise(self, raised: Effect) -> Iterator[Prevention]:
        """What would have kept the escalation *raised* from being raised."""
        at = raised.at

        def prevents(change: Change) -> Tried | None:
            return self._without(raised, change)

        replies = set()
        for kind, timed in DONE.items():
            found = self._latest(timed, at, prevents)
            if found is None:
                continue
            latest, tried = found
            replies.add((kind, latest))
            # To ask the customer is to reply; that the clocks stand still adds nothing then.
            if kind == "pause" and ("reply", latest) in replies:
                continue
            yield self._named(raised, timed(latest), latest, tried.instead)
        smallest: set[str] = set()
        for change, said in self._untimed(at):
            tried_once = None if change.kind in smallest else prevents(change)
            if tried_once is not None:
                if change.kind in _GRADED:
                    smallest.add(change.kind)
                yield self._named(raised, change, None, tried_once.instead, said=said)

    def of_call(self, name: str) -> Iterator[Prevention]:
        """What would have kept the highest step so far of the escalation *name* from being called."""
        calls = [
            one
            for one in self.effects
            if one.type == "escalation.notice_due" and one.data["escalation_id"] == name
        ]
        highest = max((one.data["step"] or 0 for one in calls), default=0)
        if not highest:
            return
        call = next(one for one in calls if one.data["step"] == highest)
        open_one = self._folded(None, Instant(call.at - 1)).case.by_id(name)
        if open_one is None or open_one.acknowledged_at is not None:
            return
        policy = self.policies.version(open_one.policy_version)
        role = people.eligible(open_one, policy)[0]

        acknowledged = acknowledgement(name, role)

        def prevents(change: Change) -> Tried | None:
            there = any(
                one.type == "escalation.notice_due"
                and one.data["escalation_id"] == name
                and one.data["step"] == highest
                for one in self._folded(change, call.at).told.effects
            )
            return None if there else Tried(())

        found = self._latest(acknowledged, call.at, prevents)
        if found is not None:
            yield self._named(call, acknowledged(found[0]), found[0], ())

    def _latest(
        self, timed: Timed, end: Instant, prevents: Prevents
    ) -> tuple[Instant, Tried] | None:
        """Return the last second up to *end* at which the change still prevents it, if any does."""
        tried = prevents(timed(end))
        if tried is not None:
            return end, tried
        low, high = self.opened_at, end
        kept = None if low >= high else prevents(timed(low))
        if kept is None:
            return None
        while high - low > 1:
            middle = Instant((low + high) // 2)
            tried = prevents(timed(middle))
            if tried is None:
                high = middle
            else:
                low, kept = middle, tried
        return low, kept

    def _without(self, raised: Effect, change: Change) -> Tried | None:
        """Return what comes instead if *change* prevents *raised*, else None.

        It does not where another escalation of the track comes that aims as high.
        """
        known, found = self.effects, self._folded(change, raised.at).told.effects
        before = Counter(_identity(one) for one in known if _is_raise_by(one, raised.at))
        after = Counter(_identity(one) for one in found if _is_raise_by(one, raised.at))
        same = (raised.data["track"], raised.data["target"])
        if _of(after, same) >= _of(before, same):
            return None
        more = tuple(after - before)
        if any(track == same[0] and _rank(track, to) >= _rank(*same) for track, to, _ in more):
            return None
        return Tried(tuple(_instead(one) for one in (*more, *self._later(raised, change))))

    def _later(self, raised: Effect, change: Change) -> list[tuple[str, str, Instant]]:
        """Return when the same escalation would have been raised after all, as far as is looked."""
        end = Instant(min(self.at, raised.at + LATER))
        if end <= raised.at:
            return []
        found = self._folded(change, end).told.effects
        same = (raised.data["track"], raised.data["target"])
        known = {_identity(one) for one in self.effects if one.type == _RAISED}
        later = (
            _identity(one)
            for one in found
            if one.type == _RAISED and one.at > raised.at and _identity(one) not in known
        )
        return [one for one in later if one[:2] == same][:1]

    def _untimed(self, at: Instant) -> Iterator[tuple[Change, str | None]]:
        """Changes without a time, the smallest of each kind first; what is unsaid, in words."""
        case, history = self._folded(None, at).case, self.known.history
        changes = (*less_grave(history, case), *without_flags(case))
        yield from ((one, None) for one in changes)
        if at > self.opened_at:
            yield from unsaid(history, at)
        yield from ((one, None) for one in narrower(case, self.policies.at(at)))

    def _folded(self, change: Change | None, at: Instant) -> Folded:
        history = self.known.history
        if change is not None:
            history = tuple(changed(self.key, history, change, self.policies.at(at)))
        return folded(self.key, history, self.policies, at)

    def _named(
        self,
        one: Effect | Decided,
        change: Change,
        latest: Instant | None,
        instead: tuple[Instead, ...],
        *,
        said: str | None = None,
    ) -> Prevention:
        because = one.data["because"]
        return Prevention(
            prevents="escalation" if one.type == _RAISED else "call",
            escalation_id=one.data["escalation_id"],
            track=one.data["track"],
            target=one.data["target"],
            at=as_datetime(one.at),
            step=one.data.get("step"),
            triggers=tuple(because["triggers"]),
            change=change,
            latest=None if latest is None else as_datetime(latest),
            instead=instead,
            text=described(one, change, latest, instead, said=said),
        )


def _is_raise_by(effect: Effect, at: Instant) -> bool:
    return effect.type == _RAISED and effect.at <= at


def _identity(effect: Effect) -> tuple[str, str, Instant]:
    return (effect.data["track"], effect.data["target"], effect.at)


def _of(counted: Counter[tuple[str, str, Instant]], same: tuple[str, str]) -> int:
    return sum(n for one, n in counted.items() if one[:2] == same)


def _rank(track: str, to: str) -> int:
    if track == "functional":
        return int(to.removeprefix("t"))
    return people.hierarchical_rank(to) if track == "hierarchical" else 0


def _instead(one: tuple[str, str, Instant]) -> Instead:
    track, to, at = one
    return Instead(track=track, target=to, at=as_datetime(at))
