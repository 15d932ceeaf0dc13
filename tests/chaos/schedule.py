"""What is done to the system in a run, and when: the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Kind(StrEnum):
    """What can be done."""

    KILL = "kill"
    POINT = "point"
    PAUSE = "pause"
    DROP = "drop"
    KAFKA = "kafka"
    POSTGRES = "postgres"


ACTORS: Final[Mapping[str, str]] = {
    "intake": "intake",
    "escalator-1": "escalator",
    "escalator-2": "escalator",
    "notifier": "notifier",
    "tracker": "tracker",
}
"""The processes of a run, and which service each is."""

_RELAY: Final = ("relay.before_send", "relay.after_send", "relay.after_mark")
POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "intake": ("intake.after_publish",),
    "escalator": (
        "escalator.after_lock",
        "escalator.before_commit",
        "escalator.after_commit",
        "ticker.before_commit",
        *_RELAY,
    ),
    "notifier": (
        "notifier.before_commit",
        "notifier.after_commit",
        "sender.after_claim",
        "sender.after_send",
        "sender.before_record",
        "sender.after_record",
        *_RELAY,
    ),
    "tracker": ("tracker.before_commit", "tracker.after_commit"),
}
"""The named places at which each service can be made to kill itself."""

# Longer than PostgreSQL lets a transaction do nothing (15 s), so that locks are lost over it.
_LONG_PAUSE_S: Final = 17.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is done.

    Attributes:
        at_s: When, real seconds after the beginning.
        kind: What.
        target: To which process; empty for the servers.
        point: For `POINT`, where the process is to kill itself, such as ``relay.after_send:2``.
        for_s: How long it stays stopped or away, real seconds.
    """

    at_s: float
    kind: Kind
    target: str = ""
    point: str = ""
    for_s: float = 0.0


def schedule(seed: int, seconds: float) -> list[Fault]:
    """Return the faults of a run of *seconds*, in the order of time."""
    chance = Random(f"faults {seed}")  # noqa: S311  a test's dice
    found = [
        *_kills(chance, seconds),
        *_points(chance, seconds),
        *_pauses(chance, seconds),
        *_drops(chance, seconds),
        *_outages(chance, seconds),
    ]
    return sorted(found, key=lambda fault: fault.at_s)


def kills_in(faults: list[Fault]) -> int:
    """Return how many processes *faults* kill; a process told to kill itself dies twice."""
    weights = {Kind.KILL: 1, Kind.POINT: 2, Kind.KAFKA: 1, Kind.POSTGRES: 1}
    return sum(weights.get(fault.kind, 0) for fault in faults)


def _kills(chance: Random, seconds: float) -> Iterator[Fault]:
    for at_s in _spread(chance, seconds, every_s=1.6):
        yield Fault(at_s, Kind.KILL, chance.choice(list(ACTORS)))


def _points(chance: Random, seconds: float) -> Iterator[Fault]:
    """Visit every place again and again, in an order that differs from round to round."""
    places: list[tuple[str, str]] = []
    for at_s in _spread(chance, seconds, every_s=2.2):
        if not places:
            places = [(actor, one) for actor, name in ACTORS.items() for one in POINTS[name]]
            # Both escalators are alike: one of them is enough for each place.
            places = [one for one in places if one[0] != "escalator-1"]
            chance.shuffle(places)
        actor, point = places.pop()
        if actor == "escalator-2" and chance.random() < 0.5:
            actor = "escalator-1"
        yield Fault(at_s, Kind.POINT, actor, f"{point}:{chance.randint(1, 2)}")


def _pauses(chance: Random, seconds: float) -> Iterator[Fault]:
    for number, at_s in enumerate(_spread(chance, seconds - 4, every_s=9.0)):
        long = number % 5 == 1 and at_s + _LONG_PAUSE_S < seconds
        target = chance.choice([name for name in ACTORS if name != "intake" or not long])
        for_s = _LONG_PAUSE_S if long else chance.uniform(1.0, 4.0)
        yield Fault(at_s, Kind.PAUSE, target, for_s=for_s)


def _drops(chance: Random, seconds: float) -> Iterator[Fault]:
    for at_s in _spread(chance, seconds, every_s=4.0):
        yield Fault(at_s, Kind.DROP)


def _outages(chance: Random, seconds: float) -> Iterator[Fault]:
    for at_s in _spread(chance, seconds - 8, every_s=24.0):
        yield Fault(at_s, Kind.KAFKA, for_s=chance.uniform(0.0, 2.5))
    for at_s in _spread(chance, seconds - 4, every_s=16.0):
        yield Fault(at_s, Kind.POSTGRES, for_s=chance.uniform(0.0, 1.5))


def _spread(chance: Random, seconds: float, *, every_s: float) -> Iterator[float]:
    """Yield a moment in each span of *every_s*, after the first seconds in which all come up."""
    begin = 3.0
    while begin + every_s <= seconds:
        yield begin + chance.uniform(0, every_s)
        begin += every_s
