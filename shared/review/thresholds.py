"""Thresholds that open a preventive action, with an owner and a due date (Thresholds)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, Literal

from shared.contract.times import Seconds, as_datetime
from shared.review import departments
from shared.review.causes import issues
from shared.review.figures import FEW, Figure
from shared.review.lives import Raise
from shared.review.metrics import Scope, classed
from shared.review.slices import before

_FORTNIGHT: Final = Seconds(14 * 86_400)
_SATURDAY: Final = 5
_SHORT_PAUSE_S: Final = 300
_MISROUTED: Final = 3
_KNOWN: Final = 5
_AGREED: Final = 0.90
_BACK_WITHIN: Final = timedelta(days=30)
OVER: Final = "over"
UNDER: Final = "under"
_PROMISED: Final = {"P1": 0.98, "P2": 0.95, "P3": 0.92, "P4": 0.90}


@dataclass(frozen=True, slots=True)
class Limit:
    """One threshold: the figure that is looked at, its bound, and the action that it opens.

    Attributes:
        figure: The key of the figure.
        bound: The value that must not be passed.
        side: On which side of *bound* it must not be.
        action: What is opened.
        owner: The role that owns it.
        days: Business days until it is due.
        least: So many cases make it count.
    """

    figure: str
    bound: float
    side: Literal["over", "under"]
    action: str
    owner: str
    days: int
    least: int = FEW


LIMITS: Final = (
    Limit(
        "avoidable_class.known_answer_exists",
        0.15,
        OVER,
        "write the knowledge article, or fix the module",
        "t1_lead",
        5,
    ),
    Limit(
        "avoidable_class.missing_information", 0.10, OVER, "change the form, or coach", "t1_lead", 5
    ),
    Limit(
        "avoidable_class.wrong_team", 0.08, OVER, "fix the rule of routing", "escalation_manager", 5
    ),
    Limit("late_rate", 0.10, OVER, "review the limits by a backtest", "escalation_manager", 10, 10),
    Limit("avoidable_rate", 0.20, OVER, "calibrate together", "tier_lead", 10),
    Limit("reopen_rate", 0.08, OVER, "fix the step of verification", "t2_lead", 10),
    Limit("ping_pong_rate", 0.05, OVER, "decide who owns it", "head_of_support", 5),
    *(
        Limit(
            f"{promise}_attainment.{priority}",
            bound,
            UNDER,
            "analyse capacity and causes",
            "head_of_support",
            10,
        )
        for promise in ("first_response", "resolve")
        for priority, bound in _PROMISED.items()
    ),
    Limit("mtta.P1 median", 180, OVER, "test rota and devices", "escalation_manager", 3, 1),
    Limit("mtta.P1 p90", 300, OVER, "test rota and devices", "escalation_manager", 3, 1),
    Limit("step_zero_share", 0.80, UNDER, "test rota and devices", "escalation_manager", 3),
    Limit("actionable_share", 0.80, UNDER, "clean up the alerts, give time off", "tier_lead", 5),
    Limit("orphans", 1, OVER, "talk about the agreement and the rota", "head_of_support", 20, 1),
    Limit(
        "downgrade_rate", 0.25, OVER, "give examples for the definitions, drill them", "t1_lead", 10
    ),
    Limit("pause_abuse", 0.03, OVER, "coach, check the guard of pauses", "t1_lead", 5),
    Limit("silent_breach", 0, OVER, "find the defect of the engine (P2)", "engineering_duty", 1, 1),
    Limit("satisfaction_gap", 15, OVER, "call ten customers", "head_of_support", 20, 30),
    Limit("certificate_cover", 0.95, UNDER, "make room for training", "trainer", 10, 1),
)
"""Every threshold on one figure; those on causes, pairs and departments have code of their own below."""


@dataclass(frozen=True, slots=True)
class Action:
    """A preventive action that a threshold opens.

    Attributes:
        id: The same for the same signal in the same period.
        signal: What was too much or too little.
        found: The number, in words.
        action: What to do.
        owner: The role that owns it.
        due: The day.
        metric: By which figure its effect is measured for eight weeks.
    """

    id: str
    signal: str
    found: str
    action: str
    owner: str
    due: date
    metric: str

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "id": self.id,
            "signal": self.signal,
            "found": self.found,
            "action": self.action,
            "owner": self.owner,
            "due": self.due.isoformat(),
            "metric": self.metric,
        }


def actions(
    scope: Scope, found: Sequence[Figure], closed: Mapping[str, date] | None = None
) -> list[Action]:
    """Return the actions that *found* and the causes of the period open, in the order of the table.

    Args:
        scope: The period and its tickets.
        found: Every figure of the review.
        closed: The metrics of earlier actions that were closed, and the day: what comes back reopens.
    """
    by_key = {one.key: one for one in found}
    opened = [action for limit in LIMITS if (action := _passed(scope, limit, by_key)) is not None]
    opened += _causes(scope)
    opened += _misrouted(scope)
    opened += _known(scope)
    opened += _departments(scope, found)
    opened += _came_back(scope, closed or {})
    opened += _nights(scope, found)
    opened += _timid(scope, by_key)
    return list({one.id: one for one in opened}.values())


def pauses(scope: Scope) -> Iterator[Figure]:
    """Pauses refused, or ended within 5 minutes with no question asked, of all pauses wanted."""
    refused = sum(
        code == "pause_guard" and scope.period.has(at)
        for life in scope.tickets
        for at, code in life.refused
    )
    wanted, short = refused, 0
    for life in scope.tickets:
        ends = [at for at, _ in life.statuses[1:]]
        asked = {one.at for one in life.messages if one.asks}
        for (since, status), until in zip(life.statuses, [*ends, None], strict=False):
            if status == "waiting_customer" and scope.period.has(since):
                wanted += 1
                short += (
                    until is not None and until - since <= _SHORT_PAUSE_S and since not in asked
                )
    value = (refused + short) / wanted if wanted else None
    yield Figure("pause_abuse", "pauses refused, or short with no question", value, "share", wanted)


def due_in(start: date, days: int) -> date:
    """Return the day that is *days* working days, Monday to Friday, after *start*."""
    day = start
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY
    return day


def _passed(scope: Scope, limit: Limit, by_key: dict[str, Figure]) -> Action | None:
    figure = by_key.get(limit.figure)
    if figure is None or figure.value is None or figure.count < limit.least:
        return None
    passed = figure.value > limit.bound if limit.side == OVER else figure.value < limit.bound
    if not passed:
        return None
    bound = Figure(figure.metric, "", limit.bound, figure.unit, figure.count).text()
    told = f"{figure.text()}, {limit.side} {bound} (of {figure.count:,})"
    label = f"{figure.label} {figure.of}" if figure.of in _PROMISED else figure.label
    return _opened(scope, limit.figure, label, told, (limit.action, limit.owner, limit.days))


def _opened(
    scope: Scope, metric: str, signal: str, found: str, what: tuple[str, str, int]
) -> Action:
    action, owner, days = what
    ended = as_datetime(scope.period.end).date()
    return Action(
        f"{scope.period.name}/{metric}", signal, found, action, owner, due_in(ended, days), metric
    )


def _causes(scope: Scope) -> Iterator[Action]:
    """The same cause escalated 5 times in 14 days, or 3 times with a P1 or P2 among them."""
    by_cause: dict[str, list[Raise]] = {}
    for one in scope.raised:
        if one.track == "functional":
            by_cause.setdefault(scope.by_key[one.ticket].cause, []).append(one)
    problem = ("open a problem, name who owns the cause", "quality_reviewer", 10)
    for cause, some in sorted(by_cause.items()):
        many = _most_within(some)
        if cause != "no class" and many:
            told = f"{many} escalations in 14 days"
            yield _opened(
                scope, f"cause.{cause}", f"{cause} escalated again and again", told, problem
            )
    verify = ("fix the step of verification", "t2_lead", 10)
    for issue in issues(scope):
        if issue.tickets >= FEW and issue.reopened / issue.tickets > 0.20:  # noqa: PLR2004  docs/review.md
            told = f"{issue.reopened} of {issue.tickets} tickets reopened"
            yield _opened(
                scope, f"reopened.{issue.cause}", f"{issue.cause} comes back", told, verify
            )


def _most_within(raises: list[Raise]) -> int:
    """Return the most escalations within 14 days if they are enough for an action, else 0."""
    some = sorted(raises, key=lambda one: one.at)
    most = 0
    for number, first in enumerate(some):
        near = [one for one in some[number:] if one.at - first.at <= _FORTNIGHT]
        grave = any(one.priority in ("P1", "P2") for one in near)
        if len(near) >= (3 if grave else 5):
            most = max(most, len(near))
    return most


def _misrouted(scope: Scope) -> Iterator[Action]:
    """Three tickets sent to the wrong team between the same two groups, however often each was raised."""
    astray: set[tuple[str, str, str]] = set()
    for one, code in classed(scope):
        life = scope.by_key[one.ticket]
        came = [team for at, team in life.teams if at <= one.at]
        went = [team for at, team in life.teams if at > one.at]
        if code == "wrong_team":
            source = came[-1] if came else f"tier {one.tier}"
            astray.add((source, went[0] if went else one.target, one.ticket))
    pairs = Counter((source, target) for source, target, _ in astray)
    for (source, target), count in sorted(pairs.items()):
        if count >= _MISROUTED:
            signal = f"{source} to {target} was the wrong team"
            what = ("fix the rule of routing", "escalation_manager", 5)
            yield _opened(scope, f"wrong_team.{source}/{target}", signal, f"{count} times", what)


def _known(scope: Scope) -> Iterator[Action]:
    """Five escalations of one topic whose answer was known."""
    topics: Counter[str] = Counter()
    for one, code in classed(scope):
        life = scope.by_key[one.ticket]
        topic = life.component or life.service or life.category
        if code == "known_answer_exists" and topic:
            topics[topic] += 1
    for topic, count in sorted(topics.items()):
        if count >= _KNOWN:
            signal = f"the answer was known: {topic}"
            what = ("write the knowledge article, or fix the module", "t1_lead", 5)
            yield _opened(scope, f"known_answer.{topic}", signal, f"{count} escalations", what)


def _departments(scope: Scope, found: Sequence[Figure]) -> Iterator[Action]:
    """A department under its agreement in this period and in the one before."""
    what = ("talk about the agreement and the rota", "head_of_support", 20)
    now = [
        one
        for one in found
        if one.metric == "ola_attainment" and one.of not in ("", "orphan") and _is_under(one)
    ]
    if not now:
        return
    earlier = replace(scope, period=before(scope.period, scope.zone))
    then = {one.key: one for one in departments.requests(earlier)}
    for one in now:
        last = then.get(one.key)
        if last is not None and _is_under(last):
            told = f"{one.text()}, and {last.text()} in the period before, under 90 %"
            yield _opened(scope, one.key, one.label, told, what)


def _is_under(one: Figure) -> bool:
    return one.value is not None and one.value < _AGREED


def _came_back(scope: Scope, closed: Mapping[str, date]) -> Iterator[Action]:
    """A cause escalated again within 30 days of the day on which its action was closed."""
    for metric, day in sorted(closed.items()):
        prefix, _, cause = metric.partition(".")
        again = [
            one
            for one in scope.raised
            if prefix == "cause"
            and scope.by_key[one.ticket].cause == cause
            and timedelta() < as_datetime(one.at).date() - day <= _BACK_WITHIN
        ]
        if again:
            told = f"{len(again)} escalations after its action was closed on {day}"
            what = ("reopen the action, show its effect", "quality_reviewer", 5)
            yield _opened(scope, f"back.{cause}", f"{cause} is back", told, what)


def _nights(scope: Scope, found: Sequence[Figure]) -> Iterator[Action]:
    for one in found:
        if one.metric == "night_pages_weekly" and one.value is not None and one.value > 2:  # noqa: PLR2004  docs/review.md
            what = ("clean up the alerts, give time off", "tier_lead", 5)
            yield _opened(scope, one.key, one.label, f"{one.value:.1f} a week", what)


def _timid(scope: Scope, by_key: dict[str, Figure]) -> Iterator[Action]:
    """Hardly anything avoidable, and much too late: people dare not escalate."""
    few, late = by_key.get("avoidable_rate"), by_key.get("late_rate")
    if few is None or late is None or few.value is None or late.value is None:
        return
    if few.value < 0.03 and late.value > 0.10 and few.count >= FEW:  # noqa: PLR2004  docs/review.md
        told = f"{few.text()} avoidable, {late.text()} late"
        what = ("calibrate together", "tier_lead", 10)
        yield _opened(scope, "too_timid", "escalated too timidly", told, what)
