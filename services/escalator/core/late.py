"""An event that comes late: what should have been, what was said, and the decisions between them.

Both views are folded from the history, without the event and with it. What was decided and no
longer holds is withdrawn by a new decision; what should have been decided is decided now, with the
time it should have had. Nothing that was published is ever edited (Late events).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from services.escalator.core.case import HUMAN_ACT, Case, Escalation, Order
from services.escalator.core.fold import Folded, fold
from services.escalator.core.inputs import Heard
from services.escalator.core.turn import Effect, Turn
from shared.contract.times import Instant, rfc3339
from shared.policy.document import PolicyTimeline

_LAST_SEQ: Final = 2**62


def refold(
    case: Case,
    history: Sequence[Heard],
    heard: Heard,
    policies: PolicyTimeline,
    now: Instant,
) -> Folded:
    """Return the case as if *heard* had come in time, and the effects to publish for it.

    Args:
        case: As it stands, folded from *history* without *heard*.
        history: Every event of the ticket before *heard*, in any order.
        heard: The late event.
        policies: The policy versions.
        now: The time of withdrawals and of escalations that come back.
    """
    limit = place_of_receipt(case, heard)
    blank = Case(ticket=case.ticket, restored=case.restored)
    known = fold(blank, history, limit, policies)
    should = fold(blank, [*history, heard], limit, policies)
    back = _come_back(case, known, should)
    if back:
        blank.restored = (*case.restored, *((identity, now) for identity in back))
        should = fold(blank, [*history, heard], limit, policies)
    return _reconciled(
        case, known, should, heard.received, Turn(should.case, now, policies, policies.at(now))
    )


def place_of_receipt(case: Case, heard: Heard) -> Order:
    """Return the place in the history up to which everything has been decided without *heard*."""
    instant, rank, seq = max(case.horizon, (heard.received, HUMAN_ACT, _LAST_SEQ))
    return (instant, rank, seq + 1)


def _come_back(case: Case, known: Folded, should: Folded) -> list[tuple[str, str, int]]:
    """Return the escalations that are open again after they were withdrawn or had ended."""
    was_raised = {_raise_key(e) for e in known.effects if e.type == "escalation.raised"}
    still_open = {one.identity for one in known.case.escalations}
    gone = set(case.withdrawn) | (was_raised - still_open)
    return [one.identity for one in should.case.escalations if one.identity in gone]


def _raise_key(effect: Effect) -> tuple[str, str, int]:
    return (effect.data["track"], effect.data["target"], effect.at)


def _reconciled(case: Case, known: Folded, should: Folded, received: Instant, turn: Turn) -> Folded:
    result = should.case
    result.version = case.version
    result.duplicates, result.retracted = case.duplicates, case.retracted
    result.withdrawn = case.withdrawn
    raised_anew = {one.id for one in result.escalations}
    raised_anew |= {
        e.data["escalation_id"] for e in should.effects if e.type == "escalation.raised"
    }
    for one in known.case.escalations:
        if one.id not in raised_anew:
            _withdraw(turn, one)
    unheard = _unheard(should.effects, received)
    calls_known = {one.id: one.called for one in known.case.escalations}
    said = Counter(_key(effect) for effect in known.effects)
    for effect in should.effects:
        if said[_key(effect)]:
            said[_key(effect)] -= 1
        elif not _silent(effect, unheard, received):
            _only_those_called(effect, calls_known)
            turn.effects.append(effect)
    result.escalations = tuple(
        _with_real_calls(one, calls_known.get(one.id, ()), received) for one in result.escalations
    )
    return Folded(result, turn.effects)


def _withdraw(turn: Turn, one: Escalation) -> None:
    case = turn.case
    case.retracted += 1
    case.withdrawn = (*case.withdrawn, one.identity)
    more = {
        "escalation_id": one.id,
        "track": one.track,
        "target": one.target,
        "reason": "withdrawn",
        "detail": "late_event",
        "by": None,
        "stand_down": [role for role, _ in one.called],
    }
    turn.say("escalation.ended", list(one.triggers), more)


def _unheard(effects: Iterable[Effect], received: Instant) -> set[str]:
    """Return the escalations that began and ended before the late event reached us."""
    return {
        effect.data["escalation_id"]
        for effect in effects
        if effect.type == "escalation.ended" and effect.at < received
    }


def _silent(effect: Effect, unheard: set[str], received: Instant) -> bool:
    """Whether it is too late to say *effect*: a notice of the past, or of an escalation unheard of."""
    if effect.type == "escalation.notice_due" and effect.at < received:
        return True
    return effect.data.get("escalation_id") in unheard and effect.type.startswith("escalation.")


def _only_those_called(
    effect: Effect, calls_known: dict[str, tuple[tuple[str, Instant], ...]]
) -> None:
    """Let a stand-down name only people who really were called."""
    called = calls_known.get(effect.data.get("escalation_id", ""))
    if called is None:
        return
    if effect.type == "escalation.ended":
        effect.data["stand_down"] = [role for role, _ in called]
    elif effect.type == "escalation.acknowledged":
        effect.data["stand_down"] = [role for role, at in called if at >= effect.at]


def _with_real_calls(
    one: Escalation, known: tuple[tuple[str, Instant], ...], received: Instant
) -> Escalation:
    really = {role for role, _ in known}
    called = tuple(
        (role, at)
        for role, at in one.called
        if at == one.raised_at or at >= received or role in really
    )
    more = tuple((role, at) for role, at in known if role not in {name for name, _ in called})
    return one._replace(called=called + more)


def _key(effect: Effect) -> tuple[Any, ...]:
    """Return what makes two folds speak of the same decision."""
    data = effect.data
    match effect.type.partition(".")[0]:
        case "escalation":
            detail: tuple[Any, ...] = (data["escalation_id"], data.get("step"))
        case "timer":
            detail = (data["timer"], data.get("share"), data.get("step"))
        case "tier":
            detail = (data["from_tier"], data["to_tier"])
        case "act":
            detail = (data["act_id"],)
        case _:
            detail = (data.get("from"), data.get("to"), data.get("status"), data.get("code"))
    return (effect.type, rfc3339(effect.at), *detail)
