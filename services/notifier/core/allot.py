"""Who may be sent how much now: shares of what waits, by far side and by recipient.

Two things are paced. A far side (a mail relay, one webhook) has a rate, a circuit breaker and a
bound on what is on its way at once. A recipient gets so many messages at once and then one every so
often; what waits for them meanwhile goes out together, as one digest. A call for a P1 is urgent: it
is served first and paced by itself, so that no storm of other notices delays it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.notifier.core.flow import Gate, Rate, refilled, room, taken

DIGEST_AT_MOST: Final = 4000
"""Notices of one digest to a person: 10,000 within a minute are three messages once the pace holds."""

WHOLE_AT_MOST: Final = 1000
"""Notices of one digest to a webhook, which gets every decision whole, about 1.5 kB each."""

UNPACED: Final = ("console", "intake", "receipt")
"""The channels whose recipients are not paced: no one person reads all that goes there."""

LAST: Final = ("receipt",)
"""The channels that are served when nothing else may go: nobody is called by them."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one recipient on one channel; *oldest* is when the first could have gone.

    *bundle* says that all of it is meant for a digest.
    """

    gate: str
    target: str
    count: int
    oldest: datetime
    urgent: bool = False
    bundle: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """What may be taken of it: at most *most* notices, *together* in one message or one by one."""

    gate: str
    target: str
    most: int
    together: bool = False
    urgent: bool = False
    bundle: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be taken.

    Attributes:
        rates: By kind of gate: a channel's name, or ``to`` for a recipient.
        at_once: How many messages may be on their way through a gate.
    """

    rates: Mapping[str, Rate]
    at_once: int

    def rate(self, name: str) -> Rate:
        """Return the rate of the gate called *name*: its kind stands before the colon.

        Kinds that nobody named, such as channels of third parties, go by ``other``.
        """
        kind = name.partition(":")[0]
        return self.rates[kind if kind in self.rates else "other"]


def recipient(target: str, *, urgent: bool = False) -> str | None:
    """Return the name of the gate that paces *target*; None if it is not paced."""
    kind = "now" if urgent else "to"
    return f"{kind}:{target}" if target.partition(":")[0] not in UNPACED else None


def gates_of(waiting: Iterable[Waiting]) -> set[str]:
    """Return the names of all gates that *waiting* has to pass."""
    names = set()
    for one in waiting:
        names.add(one.gate)
        if (paced := recipient(one.target, urgent=one.urgent)) is not None:
            names.add(paced)
    return names


def allot(
    waiting: Iterable[Waiting],
    gates: Mapping[str, Gate],
    in_flight: Mapping[str, int],
    limits: Limits,
    *,
    free: int,
    now: datetime,
) -> tuple[tuple[Share, ...], dict[str, Gate]]:
    """Share out *free* messages; return the shares, and the gates as they are after them.

    Args:
        waiting: What waits. What is urgent is served first and receipts last, else the longest wait.
        gates: The gates that this process holds; what waits at others is left to their holders.
        in_flight: How many messages are on their way, by gate.
        limits: Rates and bounds.
        free: How many messages may be taken altogether.
        now: The real instant.
    """
    after = {name: refilled(gate, limits.rate(name), now=now) for name, gate in gates.items()}
    rooms = {
        name: room(gate, in_flight=in_flight.get(name, 0), at_once=limits.at_once, now=now)
        for name, gate in after.items()
    }
    shares = []
    ordered = sorted(waiting, key=_turn)
    left = Counter(_rank(one) for one in ordered)
    for one in ordered:
        # No more than an even part of what is free, lest the last ones wait for all the others.
        even = -(-free // left[_rank(one)])
        left[_rank(one)] -= 1
        most = min(rooms.get(one.gate, 0), even)
        if most <= 0:
            continue
        share, costs = _share(one, most, after)
        if share is None:
            continue
        messages = 1 if share.together else share.most
        free -= messages
        rooms[one.gate] -= messages
        after[one.gate] = taken(after[one.gate], messages)
        after |= costs
        shares.append(share)
    return tuple(shares), after


def _rank(one: Waiting) -> tuple[bool, bool]:
    return not one.urgent, one.target.partition(":")[0] in LAST


def _turn(one: Waiting) -> tuple[tuple[bool, bool], datetime, str]:
    return _rank(one), one.oldest, one.target


def _share(
    one: Waiting, most: int, gates: Mapping[str, Gate]
) -> tuple[Share | None, dict[str, Gate]]:
    """Return what of *one* may go, and what that costs its recipient's gate."""
    paced = recipient(one.target, urgent=one.urgent)
    if paced is None:
        return _singly(one, most), {}
    gate = gates.get(paced)
    if gate is None or gate.tokens < 1:
        return None, {}
    if one.count > int(gate.tokens):
        # Whoever has more waiting than they may get now has had enough for a while.
        return _together(one), {paced: taken(gate, int(gate.tokens))}
    if one.bundle and one.count > 1:
        return _together(one), {paced: taken(gate, 1)}
    count = min(one.count, most)
    return _singly(one, most), {paced: taken(gate, count)}


def _singly(one: Waiting, most: int) -> Share:
    count = min(one.count, most)
    return Share(one.gate, one.target, count, urgent=one.urgent, bundle=one.bundle)


def _together(one: Waiting) -> Share:
    whole = one.target.partition(":")[0] == "webhook"
    most = WHOLE_AT_MOST if whole else DIGEST_AT_MOST
    return Share(one.gate, one.target, most, together=True, urgent=one.urgent, bundle=one.bundle)
