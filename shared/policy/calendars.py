"""Business time: when an allowance is used up, and how much of it is used.

A calendar is a set of half-open UTC intervals: the opening second is open, the closing second is
closed. Arithmetic is exact, in whole seconds of UTC; zones and clock changes matter only when the
intervals are worked out, once per year (Calendars, quiet hours and held notices).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from typing_extensions import override

from shared.contract.times import Instant, Seconds, as_datetime, instant
from shared.policy.notation import DAY_END

_ONE_DAY = timedelta(days=1)


class Calendar(ABC):
    """Open and closed time.

    Attributes:
        name: The name that the policy gives it.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def due(self, start: Instant, allowance: Seconds) -> Instant:
        """Return the earliest instant, from *start* on, at which *allowance* is used up.

        Raises:
            ValueError: *allowance* is negative.
        """

    @abstractmethod
    def consumed(self, start: Instant, end: Instant) -> Seconds:
        """Return the open seconds between *start* and *end*; negative when *end* comes first."""

    @abstractmethod
    def is_open(self, at: Instant) -> bool:
        """Return whether *at* is open; the closing second is not."""

    @abstractmethod
    def next_opening(self, at: Instant) -> Instant:
        """Return the earliest open instant from *at* on, which is *at* itself when it is open."""

    def closed_days(self, start: Instant, end: Instant) -> Sequence[tuple[date, str]]:
        """Return the local dates from *start* to *end* that are closed for a reason, and the reason.

        A weekday that has no hours anyway is none of them.
        """
        del start, end
        return ()


class ContinuousCalendar(Calendar):
    """Around the clock, every day."""

    __slots__ = ()

    @override
    def due(self, start: Instant, allowance: Seconds) -> Instant:
        _refuse_negative(allowance)
        return Instant(start + allowance)

    @override
    def consumed(self, start: Instant, end: Instant) -> Seconds:
        return Seconds(end - start)

    @override
    def is_open(self, at: Instant) -> bool:
        return True

    @override
    def next_opening(self, at: Instant) -> Instant:
        return at


class BusinessCalendar(Calendar):
    """Weekly windows in a zone, without the closed days.

    Args:
        name: The name that the policy gives it.
        zone: Where the windows are read.
        windows: For each weekday (0 is Monday) the open windows, each from and to in seconds of
            the local clock since midnight. At least one window must be given.
        closed: Local dates without any window, each with its reason.

    A local time that a clock change skips is moved forward by the gap; one that comes twice is
    the first. Years are worked out when they are first asked for and kept.
    """

    __slots__ = (
        "_closes",
        "_first_year",
        "_from",
        "_last_year",
        "_opens",
        "_to",
        "_used_up",
        "_windows",
        "_zone",
        "closed",
    )

    def __init__(
        self,
        name: str,
        zone: ZoneInfo,
        windows: Mapping[int, Sequence[tuple[Seconds, Seconds]]],
        closed: Mapping[date, str],
    ) -> None:
        super().__init__(name)
        if not any(opens < closes for day in windows.values() for opens, closes in day):
            msg = f"calendar {name} is never open"
            raise ValueError(msg)
        self._zone = zone
        self._windows = {day: tuple(listed) for day, listed in windows.items()}
        self.closed = dict(closed)
        self._opens: list[int] = []
        self._closes: list[int] = []
        self._used_up: list[int] = []  # open seconds from the first interval to the end of each
        self._first_year = self._last_year = 0
        self._from = self._to = Instant(0)

    @override
    def due(self, start: Instant, allowance: Seconds) -> Instant:
        if allowance <= 0:
            _refuse_negative(allowance)
            return start
        if not self._from <= start < self._to:
            self._cover(start)
        wanted = self._position(start) + allowance
        while self._used_up[-1] < wanted:
            self._look_further()
            wanted = self._position(start) + allowance
        index = bisect_left(self._used_up, wanted)
        return Instant(self._closes[index] - (self._used_up[index] - wanted))

    @override
    def consumed(self, start: Instant, end: Instant) -> Seconds:
        if not self._from <= start < self._to:
            self._cover(start)
        if not self._from <= end < self._to:
            self._cover(end)
        return Seconds(self._position(end) - self._position(start))

    @override
    def is_open(self, at: Instant) -> bool:
        if not self._from <= at < self._to:
            self._cover(at)
        index = bisect_right(self._opens, at) - 1
        return index >= 0 and at < self._closes[index]

    @override
    def next_opening(self, at: Instant) -> Instant:
        if self.is_open(at):
            return at
        while (index := bisect_right(self._opens, at)) == len(self._opens):
            self._look_further()
        return Instant(self._opens[index])

    @override
    def closed_days(self, start: Instant, end: Instant) -> Sequence[tuple[date, str]]:
        first, last = (as_datetime(at).astimezone(self._zone).date() for at in (start, end))
        return [
            (day, reason)
            for day, reason in sorted(self.closed.items())
            if first <= day <= last and day.weekday() in self._windows
        ]

    def _position(self, at: Instant) -> int:
        """Return the open seconds from the first known interval up to *at*, which is covered."""
        index = bisect_right(self._opens, at) - 1
        if index < 0:
            return 0
        over = self._closes[index] - at
        return self._used_up[index] - over if over > 0 else self._used_up[index]

    def _cover(self, at: Instant) -> None:
        """Work out the years around *at*, and those between them and the known ones."""
        year = as_datetime(at).year
        # The local year differs from the UTC year for some hours at either end.
        first, last = year - 1, year + 1
        if self._opens:
            first, last = min(first, self._first_year), max(last, self._last_year)
        self._extend(first, last)

    def _look_further(self) -> None:
        # Twice as far each time: a calendar that is open an hour a week may have to look far.
        known = self._last_year - self._first_year
        self._extend(self._first_year, self._last_year + max(1, known))

    def _extend(self, first: int, last: int) -> None:
        found = sorted(
            interval for year in range(first, last + 1) for interval in self._of_year(year)
        )
        joined: list[tuple[int, int]] = []
        for opens, closes in found:
            # A clock change can push the end of one window past the beginning of the next.
            if joined and opens <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], closes))
            else:
                joined.append((opens, closes))
        self._opens = [opens for opens, _ in joined]
        self._closes = [closes for _, closes in joined]
        self._used_up = list(accumulate(closes - opens for opens, closes in joined))
        self._first_year, self._last_year = first, last
        self._from = self._local(date(first, 1, 1), Seconds(0))
        self._to = self._local(date(last + 1, 1, 1), Seconds(0))

    def _of_year(self, year: int) -> Iterator[tuple[int, int]]:
        day = date(year, 1, 1)
        while day.year == year:
            if day not in self.closed:
                for opens, closes in self._windows.get(day.weekday(), ()):
                    interval = self._local(day, opens), self._local(day, closes)
                    if interval[0] < interval[1]:
                        yield interval
            day += _ONE_DAY

    def _local(self, day: date, seconds: Seconds) -> Instant:
        """Return the instant of a local clock reading on *day*."""
        if seconds == DAY_END:
            day, seconds = day + _ONE_DAY, Seconds(0)
        clock = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
        local = datetime.combine(day, clock, self._zone)
        # In a gap the offset before the change is taken, so the reading moves forward by the gap.
        offset = local.utcoffset() or timedelta(0)
        return instant((local - offset).replace(tzinfo=UTC))


def _refuse_negative(allowance: Seconds) -> None:
    if allowance < 0:
        msg = f"an allowance of {allowance} s is negative"
        raise ValueError(msg)
