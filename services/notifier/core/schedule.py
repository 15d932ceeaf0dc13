"""Who is on call when: layers of rotations, absences and overrides into shifts.

A turn begins at a reading of a local clock, so a week with a clock change is an hour longer or
shorter and the hand-over stays where people expect it. A reading that a change skips moves forward
by the gap; one that comes twice is the first, as everywhere in the policy (Calendars, quiet hours
and held notices). All instants are aware datetimes; shifts are half-open: whoever ends at an instant
is off, whoever begins is on.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from types import MappingProxyType
from zoneinfo import ZoneInfo

DAY_S = 86_400
_ONE_DAY = timedelta(days=1)

Windows = Mapping[int, tuple[tuple[int, int], ...]]
"""For each weekday (0 is Monday) from and to in seconds of the local clock since its midnight.

A window that ends beyond the day's 86,400 seconds runs into the next day.
"""


def local_instant(day: date, seconds: int, zone: ZoneInfo) -> datetime:
    """Return the instant, in UTC, of a local clock's reading: *seconds* after midnight of *day*."""
    day, seconds = day + timedelta(days=seconds // DAY_S), seconds % DAY_S
    reading = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    return datetime.combine(day, reading, zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """The time from *start* up to *end*, the end left out."""

    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        """Say whether *at* is inside."""
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Absence:
    """When *person* is away, and who stands in; without a *substitute* nobody is volunteered."""

    person: str
    span: Span
    substitute: str | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """An override: *person* has the schedule during *span*, whatever the layers say."""

    person: str
    span: Span


@dataclass(frozen=True, slots=True)
class Rotation:
    """People who take turns.

    Attributes:
        people: In the order of their turns; the first begins at *start*.
        zone: Where the clock is read.
        start: The local date of the first hand-over.
        handover: The local clock at a hand-over, in seconds since midnight.
        days: How many days a turn lasts; 0 when it is counted in hours.
        hours: How many hours of the local clock it lasts, a divisor of 24; 0 when in days.
        windows: When the layer applies at all (nights, weekends, one part of a day that follows
            the sun); None for always.
    """

    people: tuple[str, ...]
    zone: ZoneInfo
    start: date
    handover: int
    days: int = 7
    hours: int = 0
    windows: Windows | None = None

    def person_at(self, at: datetime) -> str | None:
        """Return whose turn *at* is in; None before the first and outside the windows."""
        turn = self._turn(at)
        if turn < 0 or not self._applies(at):
            return None
        return self.people[turn % len(self.people)]

    def edges(self, span: Span) -> Iterator[datetime]:
        """Give every instant of *span* at which this layer may change."""
        turn = max(self._turn(span.start), 0)
        while (begins := self._begins(turn)) < span.end:
            yield begins
            turn += 1
        if self.windows is not None:
            for opens in self._windows(span):
                yield opens.start
                yield opens.end

    def _begins(self, turn: int) -> datetime:
        if self.hours:
            days, part = divmod(turn * self.hours, 24)
            day = self.start + timedelta(days=days)
            return local_instant(day, self.handover + part * 3600, self.zone)
        return local_instant(
            self.start + timedelta(days=turn * self.days), self.handover, self.zone
        )

    def _turn(self, at: datetime) -> int:
        passed = (at.astimezone(self.zone).date() - self.start).days
        turn = passed * 24 // self.hours if self.hours else passed // self.days
        while self._begins(turn) > at:
            turn -= 1
        while self._begins(turn + 1) <= at:
            turn += 1
        return turn

    def _applies(self, at: datetime) -> bool:
        if self.windows is None:
            return True
        return any(window.holds(at) for window in self._windows(Span(at, at + _ONE_DAY)))

    def _windows(self, span: Span) -> Iterator[Span]:
        # The day before may have a window that runs into the first.
        day = span.start.astimezone(self.zone).date() - _ONE_DAY
        last = span.end.astimezone(self.zone).date()
        while day <= last:
            for opens, closes in (self.windows or {}).get(day.weekday(), ()):
                yield Span(
                    local_instant(day, opens, self.zone), local_instant(day, closes, self.zone)
                )
            day += _ONE_DAY


@dataclass(frozen=True, slots=True)
class Booked:
    """A layer whose shifts stand in a calendar, one by one; of two at a time the later begun."""

    shifts: tuple[tuple[str, Span], ...]

    def booked(self) -> Iterator[str]:
        """Give everybody with a shift."""
        yield from (person for person, _ in self.shifts)

    def person_at(self, at: datetime) -> str | None:
        """Return who is booked for *at*, if anybody."""
        found = [(span.start, person) for person, span in self.shifts if span.holds(at)]
        return max(found)[1] if found else None

    def edges(self, span: Span) -> Iterator[datetime]:
        """Give every instant of *span* at which this layer may change."""
        for _, booked in self.shifts:
            yield from (edge for edge in (booked.start, booked.end) if span.holds(edge))


Layer = Rotation | Booked


@dataclass(frozen=True, slots=True)
class Schedule:
    """A seat that people take in turns.

    Attributes:
        name: What the roster calls it.
        layers: A later one stands above the earlier; where it has nobody, the one below counts.
        overrides: Stand above all layers, a later one above the earlier.
    """

    name: str
    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...] = ()

    def people(self) -> Iterator[str]:
        """Give everybody whom the schedule may put on call, perhaps more than once."""
        for layer in self.layers:
            yield from layer.people if isinstance(layer, Rotation) else layer.booked()
        yield from (one.person for one in self.overrides)


@dataclass(frozen=True, slots=True)
class Shift:
    """Who has a schedule in a span; nobody when *person* is None: a hole."""

    person: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is on call at an instant: the shift it is in, and the one after it.

    *now* is cut to *LOOKED_AHEAD* on both sides; *then* is None when nothing changes that long.
    """

    now: Shift
    then: Shift | None


LOOKED_AHEAD = timedelta(days=120)
"""How far a change of the shift is looked for."""


def person_at(schedule: Schedule, at: datetime, absences: Iterable[Absence] = ()) -> str | None:
    """Return who has *schedule* at the instant *at*; None when nobody has."""
    away = [absence for absence in absences if absence.span.holds(at)]
    for override in reversed(schedule.overrides):
        if override.span.holds(at) and (found := _present(override.person, away)):
            return found
    for layer in reversed(schedule.layers):
        turn = layer.person_at(at)
        if turn is not None and (found := _present(turn, away)):
            return found
    return None


def _present(person: str, away: Sequence[Absence]) -> str | None:
    """Return *person*, or who stands in; one step only, so that no two chase each other."""
    gone = {absence.person for absence in away}
    if person not in gone:
        return person
    stands_in = (one.substitute for one in away if one.person == person)
    return next((one for one in stands_in if one is not None and one not in gone), None)


def shifts(schedule: Schedule, span: Span, absences: Sequence[Absence] = ()) -> tuple[Shift, ...]:
    """Return the shifts of *schedule* that fill *span* without a gap, holes among them."""
    edges = {span.start, span.end}
    for layer in schedule.layers:
        edges |= {edge for edge in layer.edges(span) if span.holds(edge)}
    spans = [one.span for one in schedule.overrides] + [one.span for one in absences]
    edges |= {edge for one in spans for edge in (one.start, one.end) if span.holds(edge)}
    found: list[Shift] = []
    for start, end in pairwise(sorted(edges)):
        person = person_at(schedule, start, absences)
        if found and found[-1].person == person:
            found[-1] = Shift(person, Span(found[-1].span.start, end))
        else:
            found.append(Shift(person, Span(start, end)))
    return tuple(found)


def on_call(schedule: Schedule, at: datetime, absences: Sequence[Absence] = ()) -> OnCall:
    """Return who has *schedule* at *at*, since and until when, and who comes then."""
    around = shifts(schedule, Span(at - LOOKED_AHEAD, at + LOOKED_AHEAD), absences)
    index = next(number for number, one in enumerate(around) if one.span.holds(at))
    return OnCall(around[index], around[index + 1] if index + 1 < len(around) else None)


NO_SCHEDULES: Mapping[str, Schedule] = MappingProxyType({})
"""What a roster without rotations has."""


@dataclass(frozen=True, slots=True)
class Duties:
    """Every schedule of a roster, and who is away."""

    schedules: Mapping[str, Schedule] = field(default_factory=lambda: NO_SCHEDULES)
    absences: tuple[Absence, ...] = ()

    def person_at(self, schedule: str, at: datetime) -> str | None:
        """Return who has the schedule of that name at *at*."""
        return person_at(self.schedules[schedule], at, self.absences)

    def shifts(self, schedule: str, span: Span) -> tuple[Shift, ...]:
        """Return the shifts that fill *span*."""
        return shifts(self.schedules[schedule], span, self.absences)

    def on_call(self, schedule: str, at: datetime) -> OnCall:
        """Return who has the schedule of that name at *at*, and who comes then."""
        return on_call(self.schedules[schedule], at, self.absences)
