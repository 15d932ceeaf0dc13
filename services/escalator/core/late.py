"""What comes late: what should have been, what was said, and the decisions between them.

Both views are folded from the history, without the late input and with it. What was decided and no
longer holds is withdrawn by a new decision; what should have been decided is decided now, with the
time it should have had. Nothing that was published is ever edited (Late events). Signals to other
cases are treated alike: those that no longer hold are taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from services.escalator.core import deadlines
from services.escalator.core.case import (
    CLOSED_STATUSES,
    HUMAN_ACT,
    Case,
    Escalation,
    Fanout,
    Order,
)
from services.escalator.core.fold import Folded, Told, fold
from services.escalator.core.inputs import Heard, Signal
from services.escalator.core.snapshot import timer_list
from services.escalator.core.turn import Effect, Turn
from shared.contract.times import Instant, rfc3339
from shared.policy.document import PolicyTimeline

_LAST_SEQ: Final = 2**62
_RAISED: Final = "escalation.raised"
_ENDED: Final = "escalation.ended"
_OUTSIDE: Final = (
    "version",
    "duplicates",
    "retracted_late",
    "withdrawn",
    "moves",
    "pending",
    "pending_from",
    "indexed",
    "waiting",
)
"""What a case knows beside the fold of its history."""


def refold(
    case: Case,
    history: Sequence[Heard],
    late: Sequence[Heard],
    policies: PolicyTimeline,
    now: Instant,
) -> Folded:
    """Return the case as if *late* had come in time, and what is to be told of it.

    Args:
        case: As it stands, folded from *history* without *late*.
        history: All that the case heard before, in that order.
        late: What came late, in the order in which it was heard.
        policies: The policy versions.
        now: The time of withdrawals and of escalations that come back.
    """
    limit = place_of_receipt(case, late)
    blank = Case(ticket=case.ticket, kind=case.kind, restored=case.restored)
    known = fold(blank, history, limit, policies)
    should = fold(blank, [*history, *late], limit, policies)
    back = _come_back(case, known, should)
    if back:
        # One that comes back in the second in which it was raised needs no other time.
        blank.restored = (
            *case.restored,
            *((identity, now) for identity in back if identity[2] != now),
        )
        should = fold(blank, [*history, *late], limit, policies)
    turn = Turn(should.case, now, policies, policies.at(now), limit)
    return _reconciled(case, known, should, late, turn)


def place_of_receipt(case: Case, late: Iterable[Heard]) -> Order:
    """Return the place in the history up to which everything has been decided without *late*."""
    places = [case.horizon]
    for heard in late:
        places += [(heard.received, HUMAN_ACT, _LAST_SEQ, 0), heard.order]
    instant, rank, seq, depth = max(places)
    return (instant, rank, seq, depth + 1)


def _come_back(case: Case, known: Folded, should: Folded) -> list[tuple[str, str, int]]:
    """Return the escalations that are open again after they were withdrawn or had ended."""
    was_raised = {_raise_key(e) for e in known.told.effects if e.type == _RAISED}
    still_open = {one.identity for one in known.case.escalations}
    gone = set(case.withdrawn) | (was_raised - still_open)
    return [one.identity for one in should.case.escalations if one.identity in gone]


def _raise_key(effect: Effect) -> tuple[str, str, int]:
    return (effect.data["track"], effect.data["target"], effect.at)


def _reconciled(
    case: Case, known: Folded, should: Folded, late: Sequence[Heard], turn: Turn
) -> Folded:
    result = should.case
    received = max(one.received for one in late)
    own = {max(one.effective, result.opened_at or one.effective) for one in late}
    for name in _OUTSIDE:
        setattr(result, name, getattr(case, name))
    standing = {one.id for one in result.escalations}
    raised_anew = _by_id(should.told.effects, _RAISED)
    raised = set(_by_id(known.told.effects, _RAISED))
    ended = set(_by_id(known.told.effects, _ENDED))
    for one in known.case.escalations:
        anew = raised_anew.get(one.id)
        if anew is None:
            if one.id not in standing:
                _withdraw(turn, one)
                result.withdrawn = (*result.withdrawn, one.identity)
        elif anew.data["because"]["triggers"] != list(one.triggers):
            # Raised in the same second for another reason, so that nothing said of it holds.
            _withdraw(turn, one, kept=[told["role"] for told in anew.data["notify"]])
            raised.discard(one.id)
    unheard = _unheard(should.told.effects, received) - raised | ended
    # Of the case as it stands: a fold does not know which calls were too late to be made.
    calls_known = {one.id: one.called for one in case.escalations}
    said = Counter(_key(effect) for effect in known.told.effects)
    last = deadlines.newest(should.told.effects)
    for effect in should.told.effects:
        if said[_key(effect)]:
            said[_key(effect)] -= 1
        elif not (_silent(effect, unheard, received, own) or _outdated(effect, last)):
            _only_those_called(effect, calls_known)
            turn.effects.append(effect)
    result.escalations = tuple(
        _with_real_calls(one, calls_known.get(one.id, ()), received) for one in result.escalations
    )
    _announce(turn, known.case)
    turn.stated = known.case.clocks
    deadlines.state(turn)
    signals = _changed(known.told.signals, should.told.signals)
    return Folded(result, Told(turn.effects, signals, _news(known.told, should.told)))


def _withdraw(turn: Turn, one: Escalation, kept: Sequence[str] = ()) -> None:
    """Say that *one* is withdrawn; those in *kept* are called again, and need not stand down."""
    turn.case.retracted_late += 1
    more = {
        "escalation_id": one.id,
        "track": one.track,
        "target": one.target,
        "reason": "withdrawn",
        "detail": "late_event",
        "by": None,
        "stand_down": [role for role, _ in one.called if role not in kept],
    }
    turn.say(_ENDED, one.triggers, more)


def _announce(turn: Turn, known: Case) -> None:
    """Say how the case stands now where none of the decisions has said so."""
    case = turn.case
    if known.opened_at is not None and case.opened_at is None:
        kind = "group.closed" if known.is_group else "case.closed"
        more: dict[str, Any] = {"from": known.cell, "to": known.cell, "status": "cancelled"}
        if known.is_group:
            more = {"group_id": case.ticket, "members": 0, "fingerprint": None}
        turn.say(kind, ("restored",), more)
        return
    seen = turn.effects[-1].data if turn.effects else _standing(known)
    types = {effect.type for effect in turn.effects}
    again = known.status in CLOSED_STATUSES and case.is_open and "case.reopened" not in types
    if again:
        more = {"from": known.cell, "to": case.cell, "timers": timer_list(turn)}
        turn.say("case.reopened", ("restored",), more)
    elif (seen["cell"], seen["priority"]) != (case.cell, case.priority):
        more = {"from": seen["cell"], "to": case.cell, "tracks": [], "timers": timer_list(turn)}
        turn.say(
            "case.reclassified", (), more, arithmetic=["as if the late event had been in time"]
        )
    elif seen["tier"] != case.tier:
        more = {
            "from_tier": seen["tier"],
            "to_tier": case.tier,
            "direction": "up" if case.tier > seen["tier"] else "down",
            "kind": "automatic",
            "track": "functional",
        }
        turn.say("tier.changed", (), more, arithmetic=["as if the late event had been in time"])
    if known.group is not None and case.group is None and "group.left" not in types:
        turn.say("group.left", (), {"group_id": known.group, "members": None})


def _standing(case: Case) -> dict[str, Any]:
    return {"cell": case.cell, "priority": case.priority, "tier": case.tier}


def _changed(known: Iterable[Signal], should: Iterable[Signal]) -> list[Signal]:
    """Return the signals to send: those that no longer hold taken back, then the new ones."""
    sent = {one.id: one for one in known}
    wanted = {one.id: one for one in should}
    gone = [replace(one, gone=True) for key, one in sent.items() if key not in wanted]
    return gone + [one for key, one in wanted.items() if sent.get(key) != one]


def _news(known: Told, should: Told) -> list[Fanout]:
    """The same for what a group tells its members."""
    gone = [one._replace(gone=True) for one in known.fanouts if one not in should.fanouts]
    return gone + [one for one in should.fanouts if one not in known.fanouts]


def _by_id(effects: Iterable[Effect], kind: str) -> dict[str, Effect]:
    """Return those of *effects* that are of *kind*, by the id of the escalation they speak of."""
    return {one.data["escalation_id"]: one for one in effects if one.type == kind}


def _unheard(effects: Iterable[Effect], received: Instant) -> set[str]:
    """Return the escalations that would have begun and ended before anybody could know."""
    return {
        effect.data["escalation_id"]
        for effect in effects
        if effect.type == _ENDED and effect.at < received
    }


def _silent(effect: Effect, unheard: set[str], received: Instant, own: set[Instant]) -> bool:
    """Whether it is too late to say *effect*: a call of the past, or of what nobody hears of.

    What the late events ask for themselves, at their *own* instants, is said however late.
    """
    if effect.type == "escalation.notice_due" and effect.at < received and effect.at not in own:
        return True
    return effect.data.get("escalation_id") in unheard and effect.type.startswith("escalation.")


def _outdated(effect: Effect, last: Effect | None) -> bool:
    """Whether *effect* only says how clocks stood before they were stated by *last*."""
    return effect.type == deadlines.RESCHEDULED and effect is not last


def _only_those_called(
    effect: Effect, calls_known: dict[str, tuple[tuple[str, Instant], ...]]
) -> None:
    """Let a stand-down name only people who really were called."""
    called = calls_known.get(effect.data.get("escalation_id", ""))
    if called is None:
        return
    if effect.type == _ENDED:
        effect.data["stand_down"] = [role for role, _ in called]
    elif effect.type == "escalation.acknowledged":
        effect.data["stand_down"] = [role for role, at in called if at >= effect.at]


def _with_real_calls(
    one: Escalation, known: tuple[tuple[str, Instant], ...], received: Instant
) -> Escalation:
    """Return *one* with the calls that were made, when they were made, and those made from now on.

    Whoever was called stays called as it was, so that it makes no difference to the case whether
    a late event needed its history folded again.
    """
    really = {role for role, _ in known}
    more = tuple(
        (role, at)
        for role, at in one.called
        if role not in really and (at == one.raised_at or at >= received)
    )
    return one._replace(called=known + more)


def _key(effect: Effect) -> tuple[Any, ...]:
    """Return what makes two folds speak of the same decision."""
    data = effect.data
    match effect.type.partition(".")[0]:
        case "escalation":
            detail: tuple[Any, ...] = (
                data["escalation_id"],
                data.get("step"),
                tuple(data["because"]["triggers"]),
            )
        case "timer":
            detail = (data["timer"], data.get("share"), data.get("step"))
        case "tier":
            detail = (data["from_tier"], data["to_tier"])
        case "act":
            detail = (data["act_id"],)
        case "group":
            detail = (data["group_id"],)
        case _:
            detail = (data.get("from"), data.get("to"), data.get("status"), data.get("code"))
    return (effect.type, rfc3339(effect.at), *detail)
