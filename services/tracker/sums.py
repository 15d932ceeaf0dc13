"""`/v1/stats`: what the whole installation has done, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from services.tracker.core.counts import Standing, What
from services.tracker.core.notices import STATES
from services.tracker.core.standing import PROMISES
from services.tracker.replies import Reply
from services.tracker.store_reading import Sums

UNDECIDED = "undecided"
"""Stands for the tier or priority of a ticket that the escalator has not decided on."""


class Tickets(Reply):
    """How many tickets there are, and how they stand."""

    total: int
    open: int
    by_tier: dict[str, int] = Field(
        description="Open ones; every tier is named.", examples=[{"1": 40, "2": 7, "3": 2}]
    )
    by_priority: dict[str, int] = Field(description="Open ones.", examples=[{"P1": 1, "P3": 30}])
    by_status: dict[str, int] = Field(description="All.", examples=[{"open": 49, "closed": 900}])


class Escalations(Reply):
    """Escalations raised since the beginning."""

    raised: int
    by_trigger: dict[str, int] = Field(
        description="A raise with several triggers counts under each.", examples=[{"T06": 12}]
    )
    by_track: dict[str, int] = Field(examples=[{"functional": 11, "external": 1}])


class Promise(Reply):
    """How one promise to the customers was kept."""

    met: int
    breached: int
    kept_share: float | None = Field(
        description="met / (met + breached); null before the first.", examples=[0.97]
    )


class Stats(Reply):
    """Everything that is counted. Sums grow by every message once, however often it is said."""

    now: datetime = Field(description="The installation's clock.")
    lag_ms: int | None = Field(
        description="Everything in the topics this many real milliseconds ago is counted."
    )
    tickets: Tickets
    escalations: Escalations
    notices: dict[str, int] = Field(
        description="Notices by their present state; every state is named.",
        examples=[{"planned": 1, "sent": 20, "delivered": 0, "failed": 0, "suppressed": 3}],
    )
    notices_total: int
    suppressed: dict[str, int] = Field(
        description="Why notices were never sent.", examples=[{"acknowledged": 2, "overtaken": 1}]
    )
    promises: dict[str, Promise] = Field(description="By timer.")
    kept_share: float | None = Field(description="Of all promises together.")
    decisions: int
    late_decisions: int = Field(description="Made later than TRACKER_LATE_AFTER, in real time.")
    tickets_with_gaps: int = Field(description="A version of theirs is missing; should be 0.")
    missing_versions: int = Field(description="How many are missing; should be 0.")
    events: int = Field(description="Events projected.")
    events_by_type: dict[str, int]
    decisions_by_type: dict[str, int]
    deliveries: int = Field(description="Steps of deliveries projected.")
    repeats: int = Field(description="Messages said again, without effect.")
    dead_letters: int = Field(description="Records that were parked; should be 0.")


def stats(sums: Sums, now: datetime, lag_ms: int | None) -> Stats:
    """Return *sums* in words."""

    def counted(what: What) -> dict[str, int]:
        return dict(sorted(sums.counted.get(what, {}).items()))

    def total(what: What) -> int:
        return sum(sums.counted.get(what, {}).values())

    states = sums.counted.get(What.NOTICES, {})
    breached, met = counted(What.BREACHED), counted(What.MET)
    return Stats(
        now=now,
        lag_ms=lag_ms,
        tickets=_tickets(sums.standings),
        escalations=Escalations(
            raised=total(What.TRACKS),
            by_trigger=counted(What.TRIGGERS),
            by_track=counted(What.TRACKS),
        ),
        notices={state: states.get(state, 0) for state in STATES},
        notices_total=sum(states.values()),
        suppressed=counted(What.SUPPRESSED),
        promises={name: _promise(met.get(name, 0), breached.get(name, 0)) for name in PROMISES},
        kept_share=_share(total(What.MET), total(What.BREACHED)),
        decisions=total(What.DECISIONS),
        late_decisions=total(What.LATE),
        tickets_with_gaps=sums.gaps,
        missing_versions=sums.missing,
        events=total(What.EVENTS),
        events_by_type=counted(What.EVENTS),
        decisions_by_type=counted(What.DECISIONS),
        deliveries=total(What.DELIVERIES),
        repeats=total(What.REPEATS),
        dead_letters=sums.dead,
    )


def _tickets(standings: Mapping[Standing, int]) -> Tickets:
    by_tier = Counter({"1": 0, "2": 0, "3": 0})
    by_priority = Counter({"P1": 0, "P2": 0, "P3": 0, "P4": 0})
    by_status: Counter[str] = Counter()
    opened = 0
    for one, n in standings.items():
        by_status[one.status] += n
        if one.open:
            opened += n
            by_tier[str(one.tier or UNDECIDED)] += n
            by_priority[one.priority or UNDECIDED] += n
    return Tickets(
        total=sum(standings.values()),
        open=opened,
        by_tier=dict(by_tier),
        by_priority=dict(by_priority),
        by_status=dict(sorted(by_status.items())),
    )


def _promise(met: int, breached: int) -> Promise:
    return Promise(met=met, breached=breached, kept_share=_share(met, breached))


def _share(met: int, breached: int) -> float | None:
    return None if met + breached == 0 else round(met / (met + breached), 4)
