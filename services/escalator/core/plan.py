"""What will happen to a case if nothing else is heard: the engine's own timers, fired ahead."""

from __future__ import annotations

from typing import Final

from services.escalator.core import decide
from services.escalator.core.case import Case
from services.escalator.core.views import Decided, settled
from shared.contract.times import Instant, Seconds
from shared.policy.document import PolicyTimeline

MOST: Final = 10
"""As many decisions are looked ahead."""

FURTHEST: Final = Seconds(14 * 86_400)
"""As far, in wall time, is looked ahead."""


def upcoming(case: Case, policies: PolicyTimeline, at: Instant) -> tuple[Decided, ...]:
    """Return what *case* will decide by itself after *at*, at most `MOST` decisions.

    *case* has done what is due by *at*. Policies that are activated meanwhile count from then on.
    """
    found: list[Decided] = []
    while len(found) < MOST:
        due = decide.next_due(case, policies)
        if due is None or due > at + FURTHEST:
            break
        decided = decide.fire(case, due, policies, due)
        found += [Decided(one.type, one.at, one.data) for one in decided.decisions]
        case = settled(decided.case)
    return tuple(found[:MOST])
