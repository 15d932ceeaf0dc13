"""What the coming weeks of a roster hold: holes, clashes, loads, and who cannot be reached.

Every finding is about time that is still to come, so that a lead can mend it before a notice meets
it: a hole is a ladder step that is skipped, somebody in two steps of one ladder is one chance to
be heard instead of two.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from services.notifier.core.roster import MODES, Contact, Roster, TicketFacts
from services.notifier.core.schedule import Shift, Span
from shared.policy.document import Policy

TIERS = (1, 2, 3)
_WORDS = {
    "target_oncall": "t{tier}_oncall",
    "target_backup": "t{tier}_backup",
    "target_queue": "t{tier}_queue",
    "tier_lead": "t{tier}_lead",
}


@dataclass(frozen=True, slots=True)
class Hole:
    """*roles* that nobody holds in *span*; *schedule* is the one with the hole."""

    schedule: str
    roles: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Clash:
    """*person* stands in several steps of one ladder in *span*: those of *roles*."""

    person: str
    roles: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Unmet:
    """*person* has none of the ways meant for *mode*; *instead* are those that stand in."""

    person: str
    mode: str
    instead: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """How much of the span *person* is on call: hours, shifts, and the longest one in hours."""

    person: str
    hours: float
    shifts: int
    longest: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """A roster over *span*: the shifts of each schedule, and what they mean.

    *clashes* is None where no ladder was given to look for them.
    """

    span: Span
    lanes: Mapping[str, tuple[Shift, ...]]
    holes: tuple[Hole, ...]
    clashes: tuple[Clash, ...] | None
    unmet: tuple[Unmet, ...]
    loads: tuple[Load, ...]

    @property
    def sound(self) -> bool:
        """Whether there is nothing to mend."""
        return not (self.holes or self.clashes or self.unmet)


def ladders_of(policy: Policy) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Return every ladder of *policy* for every tier, and every department's, as roles by step."""
    found = [
        tuple(
            tuple(_WORDS.get(one.role, one.role).replace("{tier}", str(tier)) for one in step.to)
            for step in ladder.steps
        )
        for ladder in policy.ladders.values()
        for tier in TIERS
    ]
    found += [((one.duty,), (one.backup,), (one.head,)) for one in policy.departments.values()]
    return tuple(dict.fromkeys(found))


def coverage(
    roster: Roster, span: Span, ladders: Sequence[Sequence[Sequence[str]]] | None = None
) -> Coverage:
    """Return what *span* holds for *roster*.

    Args:
        roster: Who holds which role.
        span: The time looked at.
        ladders: The ladders in which nobody should stand twice, for each step its roles; None where they
            are not known.
    """
    lanes = {name: roster.duties.shifts(name, span) for name in roster.duties.schedules}
    return Coverage(
        span=span,
        lanes=lanes,
        holes=tuple(_holes(roster, lanes)),
        clashes=None if ladders is None else tuple(_clashes(roster, span, lanes, ladders)),
        unmet=tuple(_unmet(roster)),
        loads=tuple(_loads(lanes)),
    )


def _holes(roster: Roster, lanes: Mapping[str, Sequence[Shift]]) -> Iterator[Hole]:
    for name, lane in lanes.items():
        # A seat with somebody to fall back on is never empty.
        roles = tuple(
            role
            for role, seat in roster.roles.items()
            if seat.schedule == name and seat.contact is None and seat.otherwise is None
        )
        if roles:
            yield from (Hole(name, roles, one.span) for one in lane if one.person is None)


def _clashes(
    roster: Roster,
    span: Span,
    lanes: Mapping[str, Sequence[Shift]],
    ladders: Sequence[Sequence[Sequence[str]]],
) -> Iterator[Clash]:
    edges = {span.start, span.end} | {one.span.start for lane in lanes.values() for one in lane}
    parts = [Span(start, end) for start, end in pairwise(sorted(edges))]
    found: dict[tuple[str, tuple[str, ...]], list[Span]] = {}
    for part in parts:
        for ladder in ladders:
            for person, roles in _doubled(roster, ladder, part).items():
                spans = found.setdefault((person, roles), [])
                if spans and spans[-1].end == part.start:
                    spans[-1] = Span(spans[-1].start, part.end)
                elif not spans or spans[-1].end < part.start:
                    spans.append(part)
    for (person, roles), spans in found.items():
        yield from (Clash(person, roles, one) for one in spans)


def _doubled(
    roster: Roster, ladder: Sequence[Sequence[str]], part: Span
) -> dict[str, tuple[str, ...]]:
    """Return who stands in several steps of *ladder* during *part*, with the roles."""
    steps: dict[str, dict[int, str]] = {}
    for number, roles in enumerate(ladder):
        for role in roles:
            held = roster.seated(role, tier=1, facts=TicketFacts(), at=part.start)
            if held is not None:
                steps.setdefault(held.key, {}).setdefault(number, role)
    return {
        person: tuple(dict.fromkeys(by_step.values()))
        for person, by_step in steps.items()
        if len(set(by_step.values())) > 1
    }


def _unmet(roster: Roster) -> Iterator[Unmet]:
    for contact in _called(roster):
        for mode in MODES:
            meant = contact.modes.get(mode, roster.modes.get(mode, ()))
            ways = roster.ways(contact, mode)
            if not set(meant) & set(ways):
                yield Unmet(contact.key, mode, ways)


def _called(roster: Roster) -> Iterable[Contact]:
    """Return everybody who may be called by some role."""
    named = {seat.contact for seat in roster.roles.values()}
    for schedule in roster.duties.schedules.values():
        named |= set(schedule.people())
    named |= {absence.substitute for absence in roster.duties.absences}
    return (contact for key, contact in roster.contacts.items() if key in named)


def _loads(lanes: Mapping[str, Sequence[Shift]]) -> Iterator[Load]:
    spans: dict[str, list[timedelta]] = {}
    for lane in lanes.values():
        for one in lane:
            if one.person is not None:
                spans.setdefault(one.person, []).append(one.span.end - one.span.start)
    for person, lengths in sorted(spans.items(), key=lambda item: -sum(item[1], timedelta())):
        hour = timedelta(hours=1)
        yield Load(person, sum(lengths, timedelta()) / hour, len(lengths), max(lengths) / hour)
