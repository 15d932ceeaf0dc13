"""Metrics of escalations that were given back, and of whether it was right to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from shared.review.figures import Figure
from shared.review.lives import Raise
from shared.review.metrics import Scope, raised_of, share

MENDED: Final = frozenset({"missing_information", "not_reproducible"})
"""Codes that ask for something and have the case sent again with it: that is no mistake."""


def returns(scope: Scope) -> Iterator[Figure]:
    """Escalations given back, of E, whole and by the code; and those that had to be taken after all."""
    back = [one for one in scope.raised if one.reason == "returned"]
    yield share("return_rate", "escalations returned", len(back), len(scope.raised))
    for code, count in sorted(Counter(one.code or "no code" for one in back).items()):
        yield share("return_rate", "escalations returned", count, len(scope.raised), code)
    wrong = sum(_overturned(scope, one) for one in back)
    yield share("returns_overturned", "returns that were overturned", wrong, len(back))


def _overturned(scope: Scope, one: Raise) -> bool:
    """Whether the case came back to that tier or a higher one, which kept it."""
    if one.code in MENDED or one.ended_at is None:
        return False
    return any(
        later.at >= one.ended_at
        and later.target >= one.target
        and later.reason not in ("returned", "withdrawn")
        for later in raised_of(scope.by_key[one.ticket], "functional")
        if later is not one
    )
