"""Metrics of other departments: what they agreed to, what they reported, what the wait for them cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from shared.contract.times import Instant, Seconds
from shared.review.figures import Figure
from shared.review.lives import Life, Raise
from shared.review.metrics import Scope, share

ORPHAN: Final = "orphan"
"""The target of a request that no department has taken."""

Span: TypeAlias = tuple[Instant, Instant]


def requests(scope: Scope) -> Iterator[Figure]:
    """Requests of E to other departments: acknowledged as agreed, declined, orphaned."""
    sent: dict[str, list[Raise]] = defaultdict(list)
    for one in scope.raised:
        if one.track == "external":
            sent[one.target].append(one)
    for name, some in sorted(sent.items()):
        kept = sum(_in_time(one) for one in some)
        yield share("ola_attainment", f"{name} acknowledged in time", kept, len(some), name)
        declined = sum(one.reason == "declined" for one in some)
        yield share("decline_rate", f"{name} declined", declined, len(some), name)
    every = [one for some in sent.values() for one in some]
    kept = sum(_in_time(one) for one in every)
    yield share("ola_attainment", "requests acknowledged in time", kept, len(every))
    orphans = len(sent.get(ORPHAN, ()))
    yield Figure("orphans", "requests that no department took", orphans, "count", len(every))


def updates(scope: Scope) -> Iterator[Figure]:
    """Reports that departments owed once they had acknowledged: in time, of those that fell due."""
    due: dict[str, list[bool]] = defaultdict(list)
    for life in scope.lives:
        for one in life.raises.values():
            if one.track == "external" and one.target != ORPHAN:
                due[one.target] += [
                    kept for at, kept in _reports(scope, life, one) if scope.period.has(at)
                ]
    for name, some in sorted(due.items()):
        if some:
            yield share("ola_updates", f"{name} reported in time", sum(some), len(some), name)
    every = [kept for some in due.values() for kept in some]
    yield share("ola_updates", "reports of departments in time", sum(every), len(every))


def waiting(scope: Scope) -> Iterator[Figure]:
    """Wall time in `waiting_internal`, whole and for each department that was then asked."""
    cost: dict[str, int] = defaultdict(int)
    asked: dict[str, int] = defaultdict(int)
    whole = tickets = unasked = 0
    for life in scope.tickets:
        waits = list(_waits(scope, life))
        if not waits:
            continue
        tickets += 1
        whole += _length(waits)
        requests: dict[str, list[Span]] = defaultdict(list)
        for one in life.raises.values():
            if one.track == "external":
                requests[one.target].append((one.at, one.ended_at or scope.now))
        for name, open_spans in requests.items():
            both = list(_both(waits, open_spans))
            cost[name] += _length(both)
            asked[name] += bool(both)
        every = [span for spans in requests.values() for span in spans]
        unasked += _length(waits) - _length(_both(waits, every))
    for name, seconds in sorted(cost.items()):
        if asked[name]:
            label = f"waited for {name}"
            yield Figure("waiting_internal", label, seconds, "seconds", asked[name], name)
    label = "waited for another team with no request open"
    yield Figure("waiting_internal", label, unasked, "seconds", tickets, "no request")
    yield Figure("waiting_internal", "waited for other departments", whole, "seconds", tickets)


def _in_time(one: Raise) -> bool:
    at, due = one.acknowledged_at, one.ack_due
    return at is not None and (due is None or at <= due)


def _reports(scope: Scope, life: Life, one: Raise) -> Iterator[tuple[Instant, bool]]:
    """Yield when each report that *one* waited for came or fell due, and whether it was in time."""
    since, until = one.acknowledged_at, one.ended_at or scope.now
    if since is None:
        return
    came = [
        note.at
        for note in life.messages
        if since <= note.at <= until and note.kind == "progress" and note.author == "agent"
        if not note.automatic and note.role in _seats(scope, one.target, note.at)
    ]
    marks = sorted([(at, 0) for at in came] + [(at, 1) for at in one.unreported])
    waits = True
    for at, overdue in marks:
        if overdue or waits:
            yield at, not overdue
        waits = not overdue


def _seats(scope: Scope, department: str, at: Instant) -> tuple[str, ...]:
    known = scope.policy(at).departments.get(department)
    return () if known is None else (known.duty, known.backup, known.head)


def _waits(scope: Scope, life: Life) -> Iterator[Span]:
    """Yield when *life* waited for another team, as far as the period goes and anything is known."""
    first, last = scope.period.start, min(scope.period.end, scope.now)
    for status, since, until in life.statuses_until(scope.now):
        start, end = max(since, first), min(until, last)
        if status == "waiting_internal" and start < end:
            yield start, end


def _both(some: Iterable[Span], others: Iterable[Span]) -> Iterator[Span]:
    """Yield where a span of *some* and one of *others* meet."""
    known = list(others)
    for start, end in some:
        for since, until in known:
            if max(start, since) < min(end, until):
                yield max(start, since), min(end, until)


def _length(spans: Iterable[Span]) -> Seconds:
    """Return the seconds that are in any of *spans*, each counted once."""
    total, reached = 0, Instant(0)
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return Seconds(total)
