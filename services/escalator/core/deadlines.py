"""What others know of a case's clocks: stated whenever they have changed (Clocks that others know).

The last decision of an instant states all clocks where they are no longer as they were stated; an
instant at which nothing else is decided states them by a `case.rescheduled`. So whoever reads the
decisions alone knows when everything is due, and needs no policy for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from services.escalator.core.case import Clocks, Share, Timer
from services.escalator.core.snapshot import timer_list
from services.escalator.core.timers import state_of
from services.escalator.core.turn import Effect, Turn
from shared.contract.times import Instant, Seconds

RESCHEDULED: Final = "case.rescheduled"
_SAYS_ITSELF: Final = {"timer.met": "met", "timer.breached": "breached"}


def state(turn: Turn) -> None:
    """State the clocks where they are no longer as others know them."""
    effects, clocks = turn.effects[turn.settled :], turn.case.clocks
    stated = _stated(effects)
    if turn.case.opened_at is not None and (stated or _moved(turn.stated, clocks, effects)):
        _say(turn, effects, stated)
    turn.stated, turn.settled = clocks, len(turn.effects)


def _say(turn: Turn, effects: Sequence[Effect], stated: list[dict[str, Any]] | None) -> None:
    now = timer_list(turn)
    if stated is not None and list(map(_essence, stated)) == list(map(_essence, now)):
        return
    last = effects[-1] if effects else None
    if last is None or last.at != turn.at:
        last = turn.say(RESCHEDULED, (), {})
    last.data["timers"] = now


def _stated(effects: Sequence[Effect]) -> list[dict[str, Any]] | None:
    """Return the clocks as *effects* leave them: the newest list, and what was said since of one."""
    listed: list[dict[str, Any]] | None = None
    for one in effects:
        if "timers" in one.data:
            listed = [dict(entry) for entry in one.data["timers"]]
        elif listed is not None and one.type in _SAYS_ITSELF:
            for entry in listed:
                if entry["name"] == one.data["timer"]:
                    entry["state"] = _SAYS_ITSELF[one.type]
    return listed


def newest(effects: Sequence[Effect]) -> Effect | None:
    """Return the newest of *effects* that states all clocks, or None."""
    return next((one for one in reversed(effects) if "timers" in one.data), None)


def _moved(stated: Clocks, clocks: Clocks, effects: Sequence[Effect]) -> bool:
    """Whether one of *clocks* is another than *stated*, or than the *effects* about it have said."""
    now, known = clocks.promises, stated.promises
    if clocks.stay != stated.stay or now.keys() != known.keys():
        return True
    if now is known:
        return False
    told = {one.data["timer"]: one.type for one in effects if one.type in _SAYS_ITSELF}
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
