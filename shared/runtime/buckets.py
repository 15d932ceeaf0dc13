"""Token buckets: so many at once, so many a second, for each of many names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from shared.runtime.clock import monotonic

_MOST_HOLDERS: Final = 10_000


class Buckets:
    """Token buckets by name; the names that came last are remembered, 10,000 of them."""

    def __init__(
        self, rate_per_s: float, burst: float, *, now: Callable[[], float] = monotonic
    ) -> None:
        """Describe the buckets; each is full when its name first comes.

        Args:
            rate_per_s: Tokens that come back in a real second.
            burst: Tokens of a full bucket.
            now: Seconds that never go back.
        """
        self._now = now
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, count: int = 1) -> float:
        """Take *count* tokens of *name*; return 0, or after how many seconds to try again."""
        now = self._now()
        level, at = self._levels.get(name, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._rate_per_s)
        # More than a whole bucket could never be had; it empties the bucket instead.
        needed = min(count, self._burst)
        granted = level >= needed
        self._levels[name] = (level - needed if granted else level, now)
        self._levels.move_to_end(name)
        if len(self._levels) > _MOST_HOLDERS:
            self._levels.popitem(last=False)
        return 0.0 if granted else (needed - level) / self._rate_per_s

    def empty(self, name: str) -> bool:
        """Return whether nothing is left of *name* just now, taking nothing."""
        level, at = self._levels.get(name, (self._burst, 0.0))
        return level + (self._now() - at) * self._rate_per_s < 1
