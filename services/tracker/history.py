"""`/v1/history`: how it went, one point for each hour or day, also those in which nothing did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from services.tracker.replies import History, HistoryPoint
from services.tracker.store_history import Happened

_STAY = "stay."


def history_of(
    happened: Iterable[Happened], now: datetime, back: timedelta, step: timedelta, open_now: int
) -> History:
    """Return *happened* as points from *back* before *now* up to it.

    Args:
        happened: What was counted.
        now: The installation's clock.
        back: How far back.
        step: How long a point is.
        open_now: Cases open now; the load of earlier points follows from it, going back.
    """
    by_point: dict[datetime, dict[str, Happened]] = defaultdict(dict)
    for one in happened:
        by_point[one.at.astimezone(UTC)][one.what] = one
    points: list[HistoryPoint] = []
    at, load = _begin(now, step), open_now
    while at > now - back - step:
        point = _point(at, by_point.get(at, {}), load)
        points.append(point)
        load += point.closed - point.opened
        at -= step
    return History(now=now, step_s=round(step.total_seconds()), points=points[::-1])


def _begin(now: datetime, step: timedelta) -> datetime:
    seconds = step.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)


def _point(at: datetime, there: dict[str, Happened], load: int) -> HistoryPoint:
    def count(*types: str) -> int:
        return sum(there[one].n for one in types if one in there)

    return HistoryPoint(
        at=at,
        opened=count("case.opened", "case.reopened"),
        closed=count("case.closed"),
        escalated=count("tier.changed"),
        breached=count("timer.breached"),
        # A case that was opened before anything was heard of it is in no sum.
        open=max(load, 0),
        stay_s={
            what.removeprefix(_STAY): round(one.total_s / one.n)
            for what, one in sorted(there.items())
            if what.startswith(_STAY) and one.n
        },
    )
