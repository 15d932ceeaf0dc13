"""Metrics of the way that tickets take: tiers, reopenings, hands that they went through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, TypeAlias

from shared.review.figures import Figure
from shared.review.lives import Life, is_reply
from shared.review.metrics import (
    AVOIDABLE,
    FORTNIGHT,
    QUARTER,
    Scope,
    came_back,
    classed,
    raised_of,
    settled,
    share,
)
from shared.review.spans import middle

_BOUNCED: int = 3
MOVES_SHOWN: Final = 3
"""So many moves of a ticket are told apart; what moved more often is shown at its last tier."""

Place: TypeAlias = tuple[int, str]
"""Where tickets are after so many moves; the last column says what became of them."""


def paths(scope: Scope) -> list[tuple[Place, Place, int]]:
    """Return the ways of the tickets of C and R through the tiers, each step with how many took it.

    Column 0 is the tier in which a ticket began, column 1 that after its first move, and so on; the
    last one whether it was resolved or is open at the end of the period.
    """
    found: Counter[tuple[Place, Place]] = Counter()
    for life in {one.key: one for one in (*scope.created, *scope.resolved)}.values():
        until = min(scope.period.end, scope.now)
        tiers = [tier for at, tier in life.tiers if at <= until]
        stays = [tier for n, tier in enumerate(tiers) if n == 0 or tier != tiers[n - 1]]
        if len(stays) > MOVES_SHOWN + 1:
            stays = [*stays[:MOVES_SHOWN], stays[-1]]
        over = life.resolved_at is not None and life.resolved_at <= until
        way = [(n, f"tier {tier}") for n, tier in enumerate(stays)]
        end = (MOVES_SHOWN + 1, "resolved" if over else "open")
        found.update(pairwise([*way, end] if way else []))
    return sorted((source, target, count) for (source, target), count in found.items())


def escalation_rate(scope: Scope) -> Iterator[Figure]:
    """Tickets of R with a functional escalation; of those that began below, who went up."""
    up = sum(bool(raised_of(one, "functional")) for one in scope.resolved)
    yield share("escalation_rate", "escalated to a higher tier", up, len(scope.resolved))
    for start, label in ((1, "from tier 1 to 2 or higher"), (2, "from tier 2 to 3")):
        if start == 1:
            began = [one for one in scope.resolved if one.start_tier == 1]
        else:
            began = [one for one in scope.resolved if any(tier == start for _, tier in one.tiers)]
        went = sum(one.highest_tier > start for one in began)
        yield share("escalation_step", label, went, len(began), f"{start}{start + 1}")


def first_level(scope: Scope) -> Iterator[Figure]:
    """Resolved in tier 1, never higher, not back within 14 days, of R."""
    done = sum(one.highest_tier == 1 and _stayed_away(one) for one in scope.resolved)
    yield share("first_level_resolution", "resolved in tier 1", done, len(scope.resolved))


def first_contact(scope: Scope) -> Iterator[Figure]:
    """Resolved with one public reply, no transfer, not back within 14 days, of R."""
    done = sum(
        sum(map(is_reply, one.messages)) == 1
        and not one.moves()
        and one.highest_tier == one.start_tier
        and _stayed_away(one)
        for one in scope.resolved
    )
    yield share("first_contact_resolution", "resolved at first contact", done, len(scope.resolved))


def reopened(scope: Scope) -> Iterator[Figure]:
    """Tickets that came back within 14 days of a resolution at least 14 days ago."""
    cohort = list(settled(scope))
    back = sum(came_back(life, one) for life, one in cohort)
    yield share("reopen_rate", "reopened within 14 days", back, len(cohort))
    every = [at for life in scope.tickets for at in life.reopens if scope.period.has(at)]
    yield Figure("reopenings", "reopenings", len(every), "count", len(scope.tickets))
    by_hand = sum(scope.period.has(at) for life in scope.tickets for at in life.reopened_by_hand())
    label = "reopenings after the policy closed for silence"
    yield Figure("reopenings", label, len(every) - by_hand, "count", len(scope.tickets), "silence")


def hops(scope: Scope) -> Iterator[Figure]:
    """Changes of group of each transferred ticket of R, and those that went back."""
    moved = scope.transferred
    counts = [len(one.moves()) for one in moved]
    mean = sum(counts) / len(counts) if counts else None
    yield Figure("hop_count", "changes of group per transferred ticket", mean, "count", len(moved))
    bounced = sum(count >= _BOUNCED for count in counts)
    yield share("bounce_rate", "changed group three times or more", bounced, len(moved))
    back = sum(one.came_back() for one in moved)
    yield share("ping_pong_rate", "came back to a group it had left", back, len(moved))
    every = sum(len(one.moves()) for one in scope.tickets)
    yield Figure(
        "reassignments", "changes of group, all tickets", every, "count", len(scope.tickets)
    )


def avoidable(scope: Scope) -> Iterator[Figure]:
    """Ended escalations of a class that could be avoided, of those with any class."""
    ended = classed(scope)
    named = [code for _, code in ended if code is not None]
    bad = [code for code in named if code in AVOIDABLE]
    yield share("avoidable_rate", "avoidable escalations", len(bad), len(named))
    yield share("unclassified_share", "ended without a class", len(ended) - len(named), len(ended))
    for code in AVOIDABLE:
        count = bad.count(code)
        if count:
            yield share("avoidable_class", code.replace("_", " "), count, len(scope.raised), code)


def level_one_capable(scope: Scope) -> Iterator[Figure]:
    """Resolved above tier 1 although the answer was known, of what was resolved above tier 1."""
    above = [one for one in scope.resolved if one.resolutions[-1].tier > 1]
    known = sum(one.resolutions[-1].cause == "known_answer_exists" for one in above)
    yield share("level_one_capable", "could have been solved in tier 1", known, len(above))


def unclassed(scope: Scope) -> Iterator[Figure]:
    """Tickets of R whose last resolution names no cause, of R."""
    bare = sum(one.resolutions[-1].cause is None for one in scope.resolved)
    yield share("tickets_without_class", "resolved without a class", bare, len(scope.resolved))


def downgraded(scope: Scope) -> Iterator[Figure]:
    """Tickets that were once P1 or P2 and are no more, of those that once were."""
    once = [
        one
        for one in scope.created
        if any(priority in ("P1", "P2") for _, _, priority in one.grades)
    ]
    less = sum(one.priority in ("P3", "P4") for one in once)
    yield share("downgrade_rate", "P1 and P2 lowered afterwards", less, len(once))


def recurrence(scope: Scope) -> Iterator[Figure]:
    """Tickets of R that repeat one resolved up to 90 days before."""
    known = {one.key: one for one in scope.every}
    again = sum(_repeats(one, known) for one in scope.resolved)
    yield share("recurrence_rate", "came again within 90 days", again, len(scope.resolved))


def concentration(scope: Scope) -> Iterator[Figure]:
    """Escalations of the five causes that have most, of E."""
    causes = Counter(scope.by_key[one.ticket].cause for one in scope.raised)
    five = sum(count for _, count in causes.most_common(5))
    yield share(
        "cause_concentration", "escalations of the five causes with most", five, len(scope.raised)
    )


def grouping(scope: Scope) -> Iterator[Figure]:
    """How soon groups were made, how many tickets each has, what they spared."""
    groups = [one for one in scope.lives if one.is_group and scope.period.has(one.opened_at)]
    sizes = [len(one.joined) for one in groups]
    mean = sum(sizes) / len(sizes) if sizes else None
    yield Figure("group_members", "tickets per group", mean, "count", len(groups))
    spared = sum(max(0, size - 1) for size in sizes)
    yield Figure("duplicates_avoided", "duplicates avoided", spared, "count", len(groups))
    leads = [
        float(one.opened_at - one.first_member_at)
        for one in groups
        if one.opened_at is not None and one.first_member_at is not None
    ]
    yield Figure(
        "grouping_lead", "until a group was made, median", middle(leads), "seconds", len(leads)
    )


def deescalation(scope: Scope) -> Iterator[Figure]:
    """Moves down that were not followed by a move up within the memory of the policy, of all."""
    total = good = 0
    for life in scope.tickets:
        memory = scope.policy(scope.period.start).recurrence_memory[life.priority]
        ups = [
            at
            for (at, tier), (_, before) in zip(life.tiers[1:], life.tiers, strict=False)
            if tier > before
        ]
        for down in life.downs:
            if scope.period.has(down):
                total += 1
                good += not any(0 < at - down <= memory for at in ups)
    yield share("deescalation_success", "de-escalations that lasted", good, total)


def _stayed_away(life: Life) -> bool:
    last = life.resolutions[-1].at
    firsts = [one.at for one in life.resolutions]
    return not any(
        any(0 <= at - one <= FORTNIGHT for one in firsts)
        for at in life.reopens
        if at <= last + FORTNIGHT
    )


def _repeats(life: Life, known: dict[str, Life]) -> bool:
    before = known.get(life.recurrence_of or "")
    if before is None or before.resolved_at is None or life.opened_at is None:
        return False
    return 0 <= life.opened_at - before.resolved_at <= QUARTER
