"""The clock of a helpdesk: wrong too often, and its events are read by receipt (Late events)."""

from __future__ import annotations

from services.escalator.core.case import BEGINNING, Case
from services.escalator.core.inputs import Heard
from services.escalator.core.turn import Turn
from services.escalator.core.wire import Decision, publish
from shared.contract.times import Instant
from shared.policy.document import Policy, PolicyTimeline


def is_skewed(clock: Case, received: Instant) -> bool:
    """Whether events received at *received* are read by their receipt."""
    return clock.skewed_since is not None and clock.skewed_since <= received


def claims_the_future(heard: Heard, policy: Policy) -> bool:
    """Whether *heard* claims to be from further ahead than the policy tolerates."""
    return heard.ahead > policy.future_skew_tolerance


def counted(clock: Case, received: Instant, policy: Policy) -> tuple[Case, bool]:
    """Return *clock* with one more wrong stamp counted, and whether it is skewed by that."""
    rule = policy.file.time_rules.skewed_source_after
    work = clock.copy()
    since = received - rule.within
    work.future_stamps = (*(at for at in clock.future_stamps if at >= since), received)
    if len(work.future_stamps) < rule.count:
        return work, False
    work.skewed_since, work.future_stamps = received, ()
    return work, True


def alert(case: Case, source: str, now: Instant, policies: PolicyTimeline) -> Decision:
    """Say, as a decision of the working copy *case*, that the clock of *source* is wrong."""
    turn = Turn(case, now, policies, policies.at(now), BEGINNING)
    more = {"code": "skewed_source", "detail": {"source": source}}
    effect = turn.say("config.alert", (), more)
    told = ("it_duty", "escalation_manager")
    notify = [{"role": role, "mode": "chat", "fyi": False} for role in told]
    turn.tell(effect, notify, turn.policy.calendar("always"))
    (decision,) = publish(case, [effect], now)
    return decision
