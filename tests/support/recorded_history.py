"""The recorded history of a real desk, its first day, played through running services."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cli.demo.command import HISTORY
from cli.demo.feed import Feed
from cli.history.mapping_file import SERVICENOW, load_mapping
from cli.history.rows import read_log
from cli.history.story import Told, tell
from cli.import_log import first_days
from cli.stack import Stack
from shared.runtime.clock import Clock

_SPEED: Final = 7200.0
_STANDING_STILL: Final = 0.001
_LEAD: Final = timedelta(hours=2)


def first_day() -> list[Told]:
    """Return the events of the first day."""
    mapping = load_mapping(SERVICENOW)
    return first_days(tell(read_log(HISTORY, mapping), mapping, name=str(HISTORY)), 1)


async def play(stack: Stack, told: list[Told]) -> tuple[Feed, Clock]:
    """Play *told* through *stack* and stop its services.

    Returns:
        What was posted, and a clock that stands still in the second in which it ended.
    """
    clock = Clock.starting(told[0].at - _LEAD, speed=_SPEED)
    await stack.serve(clock)
    feed = Feed(told, stack.url("intake"))
    await feed.run(clock)
    await stack.stop_services()
    end = clock.now().replace(microsecond=0) + timedelta(seconds=1)
    return feed, Clock.starting(end, speed=_STANDING_STILL)
