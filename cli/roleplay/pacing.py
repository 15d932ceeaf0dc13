"""How time passes while a trainee waits: minute by minute, until there is something to read."""

from __future__ import annotations

from typing import Final

from cli.roleplay.shown import lines_of
from services.escalator.core.roleplay.stage import Stage
from services.escalator.core.roleplay.transcript import Entry
from shared.contract.times import Instant

_MINUTE: Final = 60


def until_news(stage: Stage) -> list[Entry]:
    """Let time pass until the transcript has something new to say, or the role-play is over."""
    while stage.now < stage.ends_at:
        due = stage.next_due() or stage.ends_at
        step = Instant(min(stage.now + _MINUTE, due, stage.ends_at))
        new = stage.pass_time(step)
        if any(lines_of(stage.scenario, new)):
            return new
    return []
