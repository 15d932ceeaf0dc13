"""What others know of a case's clocks: stated whenever they have changed (Clocks that others know).

The last decision of an instant states all clocks where they are no longer as they were stated; an
instant at which nothing else is decided states them by a `case.rescheduled`. So whoever reads the
decisions alone knows when everything is due, and needs no policy for it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from services.escalator.core.case import Case, Share, Timer
from services.escalator.core.snapshot import timer_list
from services.escalator.core.timers import state_of
from services.escalator.core.turn import Effect, Turn
from shared.contract.times import Instant, Seconds

RESCHEDULED: Final = "case.rescheduled"
_SAYS_ITSELF: Final = {"timer.met": "met", "timer.breached": "breached"}


class Clocks(NamedTuple):
    """The clocks of a case as they stand: the promises, and the stay in the tier."""

    promises: dict[str, Timer]
    stay: tuple[Instant | None, Seconds | None, bool, bool]


def clocks(case: Case) -> Clocks:
    """Return the clocks of *case*, which may then be worked on."""
    return Clocks(dict(case.timers), _stay(case))


def state(turn: Turn, before: Clocks) -> None:
    """State the clocks where they were *before* others than they are after *turn*."""
    stated = _stated(turn.effects)
    if turn.case.opened_at is None or not (stated or _moved(turn, before)):
        return
    now = timer_list(turn)
    if stated is not None and list(map(_essence, stated)) == list(map(_essence, now)):
        return
    last = turn.effects[-1] if turn.effects else None
    if last is None or last.at != turn.at:
        last = turn.say(RESCHEDULED, (), {})
    last.data["timers"] = now


def _stay(case: Case) -> tuple[Instant | None, Seconds | None, bool, bool]:
    return (case.dwell_due, case.dwell_limit, case.dwell_fired, case.is_open)


def _stated(effects: list[Effect]) -> list[dict[str, Any]] | None:
    """Return the clocks as the newest of *effects* that states them does."""
    return next((one.data["timers"] for one in reversed(effects) if "timers" in one.data), None)


def _moved(turn: Turn, before: Clocks) -> bool:
    """Whether a clock is another than before, or than the decisions about it alone have said."""
    now, known = turn.case.timers, before.promises
    if _stay(turn.case) != before.stay or now.keys() != known.keys():
        return True
    told = {one.data["timer"]: one.type for one in turn.effects if one.type in _SAYS_ITSELF}
    changed = [name for name, timer in now.items() if timer is not known[name]]
    return any(
        state_of(now[name]) != _SAYS_ITSELF[told[name]]
        if name in told
        else _said(now[name]) != _said(known[name])
        for name in changed
    )


def _said(timer: Timer) -> tuple[str, Instant | None, str, Seconds, Share | None]:
    """Return what others are told of *timer*; what is used grows by itself while it runs."""
    halted = timer.used if timer.state == "paused" else None
    return (state_of(timer), timer.due, timer.calendar, timer.allowance, halted)


def _essence(entry: dict[str, Any]) -> tuple[Any, ...]:
    halted = entry["used_s"] if entry["state"] == "paused" else None
    return (*(entry[name] for name in ("name", "state", "due", "calendar", "allowance_s")), halted)
