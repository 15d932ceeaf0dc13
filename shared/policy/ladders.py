"""Who is called when: ladders, and the rows of the triggers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contract.times import Seconds
from shared.policy.notation import Addressee


@dataclass(frozen=True, slots=True)
class LadderStep:
    """From *after* seconds of ladder time on, *to* are called by *mode*."""

    after: Seconds
    to: tuple[Addressee, ...]
    mode: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """Who is called while nobody acknowledges (Ladders and acknowledgement).

    Attributes:
        name: A priority, or `exec`.
        renotify: Inside a step the same people are called again this often.
        steps: In the order of time; the first is at 0.
        then_from: After the last step, from this mark on …
        then_every: … this often …
        then_to: … these are called …
        then_mode: … by this mode, until somebody acknowledges.
    """

    name: str
    renotify: Seconds
    steps: tuple[LadderStep, ...]
    then_from: Seconds
    then_every: Seconds
    then_to: tuple[Addressee, ...]
    then_mode: str


@dataclass(frozen=True, slots=True)
class Row:
    """What one trigger asks for at one priority (Triggers).

    Attributes:
        id: `T01` to `T22`.
        name: The rest of its name in the file: `first_response_50`.
        to: Where the case shall go: `hold`, `2`, `3`, `up`, `min2`, `resolver`, `product`,
            `exec`, `cell_start`, `3_or_product_if_S4` or `up_not_S4`.
        track: functional, hierarchical or external.
        notify: Whom to tell, with words such as `tier_lead` still open.
        mode: How to tell them.
        by: Until when the act is asked for: seconds, `due` (when the timer is due), or None.
        ack: Within what it must be acknowledged; None when nobody has to.
        renotify: How often the same people are called again; None for never.
    """

    id: str
    name: str
    to: str
    track: str
    notify: tuple[Addressee, ...]
    mode: str
    by: Seconds | str | None
    ack: Seconds | None
    renotify: Seconds | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Within what a department acknowledges a request, and how often it reports."""

    acknowledge: Seconds
    update: Seconds


@dataclass(frozen=True, slots=True)
class Department:
    """A department that can be asked for help (Departments).

    `hours` says by priority whether its agreement counts always or in business time.
    """

    name: str
    duty: str
    backup: str
    head: str
    hours: Mapping[str, str]
    ola: Mapping[str, Agreement]
