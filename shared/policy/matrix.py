"""What the matrix says: cells, impact bands, promises and the factors of plan and VIP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from shared.contract.times import Seconds
from shared.policy.notation import Addressee

LOWEST: Final = "I1"
"""The impact band of whatever reaches no other."""

_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of severity by impact (Cells).

    Attributes:
        priority: P1 to P4.
        start_tier: The tier in which a case of this cell begins.
        t1_max: The longest stay in tier 1 before plan and VIP, or None for no limit.
        t2_max: The same for tier 2.
        exec_inform: When executives are told, counted from the raise; None for never.
        exec_decide: When they are asked to decide, likewise.
        tracks: The tracks that the cell opens.
        notify_at_start: Who is told when the case begins here.
        mode: How they are told.
        ack: Within what a raise at the start must be acknowledged: T20's for the priority.
        renotify: How often the same people are called again: T20's for the priority.
    """

    priority: str
    start_tier: int
    t1_max: Seconds | None
    t2_max: Seconds | None
    exec_inform: Seconds | None
    exec_decide: Seconds | None
    tracks: tuple[str, ...]
    notify_at_start: tuple[Addressee, ...]
    mode: str
    ack: Seconds | None
    renotify: Seconds | None


@dataclass(frozen=True, slots=True)
class Promise:
    """What a plan promises the customer at one priority, in seconds of the promise's calendar."""

    first_response: Seconds
    next_response: Seconds
    customer_update: Seconds
    resolve: Seconds


@dataclass(frozen=True, slots=True)
class Modifier:
    """What plan and VIP change: how long a case may wait in a tier, and who else is told."""

    dwell_factor: Fraction
    extra_notify: Mapping[str, tuple[Addressee, ...]]


@dataclass(frozen=True, slots=True)
class Override:
    """What a flag such as `data_loss` asks for; it only ever makes the outcome stricter.

    *min_tier* is None where the flag holds the case in its tier.
    """

    min_priority: str
    min_tier: int | None
    external: tuple[str, ...]
    notify: tuple[Addressee, ...]
    exec_inform: Seconds | None
    restricted: bool
    never_grouped: bool


@dataclass(frozen=True, slots=True)
class Band:
    """The counts from which on an impact band holds; any one of them is enough."""

    name: str
    users: int
    orgs: int
    share: float


class ImpactBands:
    """The bands by their lower bounds (Impact bands).

    Args:
        bands: I2 to I4, narrow to wide; I1 holds for whatever reaches none of them.
        org_wide: The band of an organisation that is affected as a whole.
        unknown: By severity, the band of a case whose every count is unknown.
    """

    __slots__ = ("_bands", "_org_wide", "_unknown")

    def __init__(self, bands: tuple[Band, ...], org_wide: str, unknown: Mapping[str, str]) -> None:
        self._bands = tuple(reversed(bands))
        self._org_wide = org_wide
        self._unknown = dict(unknown)

    def band(
        self,
        users: int | None,
        orgs: int | None,
        share: float | None,
        *,
        org_wide: bool,
        severity: str,
    ) -> str:
        """Return the highest band that any one count reaches."""
        if users is None and orgs is None and share is None:
            counted = LOWEST if org_wide else self._unknown[severity]
        else:
            counted = self._counted(users or 0, orgs or 0, share or 0.0)
        return max(counted, self._org_wide) if org_wide else counted

    def _counted(self, users: int, orgs: int, share: float) -> str:
        for band in self._bands:
            if users >= band.users or orgs >= band.orgs or share >= band.share:
                return band.name
        return LOWEST


def shortened(limit: Seconds, factor: Fraction, floor: Seconds) -> Seconds:
    """Return *limit* times *factor*, up to the whole minute, never under *floor* (Dwell)."""
    minutes = -(-(limit * factor.numerator) // (factor.denominator * _MINUTE))
    return max(floor, Seconds(minutes * _MINUTE))
