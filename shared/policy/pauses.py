"""Pauses, and what is done while a customer is silent."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contract.times import Seconds
from shared.policy.calendars import Calendar


@dataclass(frozen=True, slots=True)
class Pause:
    """A status in which clocks stand still (Pauses).

    Attributes:
        needs: What must be given to enter it.
        longest: How long it may last in wall time, or None for any time.
        ends_on_customer_message: Whether a customer's message ends it.
    """

    needs: tuple[str, ...]
    longest: Seconds | None
    ends_on_customer_message: bool


@dataclass(frozen=True, slots=True)
class WaitStep:
    """After so many seconds of silence, do *action*."""

    after: Seconds
    action: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The steps of a silence and the calendar that they count in."""

    calendar: Calendar
    steps: tuple[WaitStep, ...]
