"""A role-play from its first second to its last, by a script."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from services.escalator.core.roleplay.acting import Act
from services.escalator.core.roleplay.shape import Scenario
from services.escalator.core.roleplay.stage import Stage
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline


def run(scenario: Scenario, acts: Iterable[Act], policies: PolicyTimeline) -> Stage:
    """Return the stage after *scenario*, with *acts* done at their times (they come in order).

    The same role-play with the same acts and the same policy gives the same transcript.
    """
    stage = Stage(scenario, policies)
    for at, together in groupby(acts, key=lambda act: Instant(scenario.start + act.at)):
        stage.play(at, list(together))
    stage.pass_time(max(stage.ends_at, stage.now))
    return stage
