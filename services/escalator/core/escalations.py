"""Raising, joining, calling, acknowledging and ending escalations (Tracks)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.escalator.core import calls, people, staleness
from services.escalator.core.case import Debt, Escalation, swap
from services.escalator.core.dwell import enter
from services.escalator.core.executives import note_raise
from services.escalator.core.information import debt_of
from services.escalator.core.timers import refresh_update
from services.escalator.core.turn import Turn, hold_until
from shared.contract.ids import derived_text
from shared.contract.times import Instant, Seconds, rfc3339
from shared.policy.calendars import Calendar
from shared.policy.document import Addressee, Department

Told = Sequence[tuple[Addressee, str]]
"""People and the mode in which each is told."""


@dataclass(frozen=True, slots=True)
class Raise:
    """What a raise asks for, whatever asked for it.

    `ack` is in seconds of *calendar*; None means that the escalation waits for nothing. `ladder`
    is the priority or `exec` whose ladder is climbed; without one, the people in *people* who must
    act are called again every `renotify`.
    """

    track: str
    target: str
    triggers: tuple[str, ...]
    people: Told
    ack: Seconds | None
    mode: str
    ladder: str | None = None
    renotify: Seconds | None = None
    arithmetic: tuple[str, ...] = ()
    kind: str = "automatic"
    debt: Debt | None = None
    from_tier: int | None = None
    binding: bool = False
    declines: int = 0


def raise_functional(turn: Turn, tier: int, asked: Raise) -> None:
    """Raise a functional escalation to *tier*, moving the case there if it stands elsewhere.

    An open functional escalation ends `superseded` first, so that at most one is ever open.
    """
    case = turn.case
    before = case.tier
    open_one = case.open_on("functional")
    if open_one is not None:
        end(turn, open_one, "superseded")
    if tier != before:
        move(turn, tier, asked.triggers, kind=asked.kind, arithmetic=asked.arithmetic)
    told = [*asked.people, *_extra(turn, asked.mode)]
    owed = asked.debt or debt_of(turn, turn.policy.missing_information(tier, case.info))
    sender = before if before < tier else max(1, tier - 1)
    raise_escalation(turn, replace(asked, people=told, debt=owed, from_tier=sender))
    note_raise(turn)


def move(
    turn: Turn,
    tier: int,
    triggers: Sequence[str],
    *,
    kind: str,
    arithmetic: Sequence[str] = (),
    fix_by: Seconds | None = None,
) -> None:
    """Move the case to *tier* and say so."""
    before = turn.case.tier
    enter(turn, tier, fix_by=fix_by)
    refresh_update(turn)
    more = {
        "from_tier": before,
        "to_tier": tier,
        "direction": "up" if tier > before else "down",
        "kind": kind,
        "track": "functional",
    }
    turn.say("tier.changed", triggers, more, arithmetic=arithmetic)


def _extra(turn: Turn, mode: str) -> list[tuple[Addressee, str]]:
    """Return who else is told of every functional raise; a group's account managers by digest."""
    case = turn.case
    listed = turn.policy.modifier(case.plan, vip=case.vip).extra_notify[case.priority]
    if case.crowd is None:
        return [(addressee, mode) for addressee in listed]
    digest_to = turn.policy.file.grouping.member_escalations.digest_to
    others = [(one, mode) for one in listed if one.role != digest_to]
    return [*others, (Addressee(digest_to, fyi=True), "digest")]


def raise_escalation(turn: Turn, asked: Raise, calendar: Calendar | None = None) -> Escalation:
    """Open an escalation as *asked*; its first calls go out with it.

    *calendar* is that of its acknowledgement and notices; by default the internal calendar.
    """
    case = turn.case
    asked, at = _restored(turn, asked)
    calendar = calendar or turn.internal_calendar
    ladder = None if asked.ladder is None else turn.policy.ladder(asked.ladder)
    everybody = list(asked.people)
    if ladder is not None:
        everybody += [(addressee, ladder.steps[0].mode) for addressee in ladder.steps[0].to]
    notify = people.notices(everybody, case.tier, department_of(turn, asked.track, asked.target))
    ack_due = None if asked.ack is None else calendar.due(at, asked.ack)
    held = hold_until(calendar, at) is not None
    one = Escalation(
        id=_id(turn, asked, at),
        track=asked.track,
        target=asked.target,
        tier=case.tier,
        raised_at=at,
        priority=case.priority,
        policy_version=turn.policy.version,
        calendar=calendar.name,
        ack_due=ack_due,
        triggers=asked.triggers,
        ladder=asked.ladder,
        people=tuple(entry["role"] for entry in notify if not entry["fyi"]),
        mode=asked.mode,
        renotify=asked.renotify,
        called=() if held else _called(notify, at),
        from_tier=asked.from_tier or max(1, case.tier - 1),
        debt=asked.debt,
        binding=asked.binding,
        declines=asked.declines,
    )
    if asked.track != "external" and asked.ack is not None:
        one = calls.first_call(turn, one)
    case.escalations = (*case.escalations, one)
    if asked.target == "exec":
        case.exec_raised_at = at
    more: dict[str, Any] = {
        "escalation_id": one.id,
        "track": one.track,
        "target": one.target,
        "ack_due": None if ack_due is None else rfc3339(ack_due),
        "info_debt": None if one.debt is None else _described(one.debt),
        "binding": one.binding,
    }
    effect = turn.say("escalation.raised", asked.triggers, more, arithmetic=asked.arithmetic)
    turn.tell(effect, notify, calendar)
    if at != turn.at:
        effect.at = at
        effect.data["at"] = rfc3339(at)
        effect.data["hold_until"] = hold_until(calendar, at)
    return one


def department_of(turn: Turn, track: str, target: str) -> Department | None:
    """Return the department that an escalation asks, or None where it asks none."""
    if track != "external" or target == people.ORPHAN:
        return None
    return turn.policy.department(target)


def join(
    turn: Turn, one: Escalation, triggers: Sequence[str], told: Told, arithmetic: Iterable[str] = ()
) -> None:
    """Tell *told* about the open escalation *one*; no new acknowledgement is asked."""
    department = department_of(turn, one.track, one.target)
    notify = people.notices(told, turn.case.tier, department)
    notice(turn, one, None, triggers, notify, arithmetic)


def notice(
    turn: Turn,
    one: Escalation,
    step: int | None,
    triggers: Sequence[str],
    notify: list[dict[str, Any]],
    arithmetic: Iterable[str] = (),
) -> None:
    """Say that a notice of the open escalation *one* is due to *notify*.

    Nobody is told whom the notifier has reported as out of reach for this escalation.
    """
    if one.unreached:
        notify = [entry for entry in notify if entry["role"] not in one.unreached]
    if not notify:
        return
    calendar = calls.calendar_of(turn, one)
    more = {"escalation_id": one.id, "track": one.track, "target": one.target, "step": step}
    effect = turn.say("escalation.notice_due", triggers, more, arithmetic=list(arithmetic))
    if _retired(turn, one):
        effect.data["because"]["rule_retired"] = True
    turn.tell(effect, notify, calendar)
    if effect.data.get("hold_until") is None:
        known = dict(one.called)
        first = tuple([told for told in _called(notify, turn.at) if told[0] not in known])
        if first:
            swap(turn.case, one, one._replace(called=one.called + first))


def _retired(turn: Turn, one: Escalation) -> bool:
    """Whether the newest policy no longer has the row that raised *one* (Policy versions)."""
    return one.policy_version != turn.policy.version and any(
        trigger[0] == "T" and turn.policy.trigger(trigger, one.priority) is None
        for trigger in one.triggers
    )


def call(turn: Turn, one: Escalation) -> None:
    """Make the call of *one* that is due at this instant and set the following one."""
    due = one.call
    if due is None:
        return
    following = calls.after_call(turn, one, due)
    swap(turn.case, one, following)
    policy = turn.policies.version(one.policy_version)
    told = calls.people_of(one, policy, due.step)
    line = f"{due.mark} s of ladder time since {rfc3339(one.raised_at)} on calendar {one.calendar}"
    if one.skipped:
        line += f", {one.skipped} s of skipped steps taken off"
    notify = people.notices(told, one.tier)
    notice(turn, following, due.step, one.triggers, notify, [line])


def acknowledge(turn: Turn, one: Escalation, by: str | None, role: str) -> None:
    """Let *by* own the open escalation *one*; every later call of it is off."""
    taken = one._replace(
        acknowledged_by=by or role,
        acknowledged_role=role,
        acknowledged_at=turn.at,
        call=None,
    )
    swap(turn.case, one, taken)
    more: dict[str, Any] = {
        "escalation_id": one.id,
        "track": one.track,
        "target": one.target,
        "by": by,
        "role": role,
        "step": one.step,
        "after_s": turn.at - one.raised_at,
        "stand_down": [],
    }
    line = f"{turn.at - one.raised_at} s after the raise at {rfc3339(one.raised_at)}"
    turn.say("escalation.acknowledged", one.triggers, more, arithmetic=[line])
    if one.track == "functional":
        staleness.begin(turn)


def end(
    turn: Turn,
    one: Escalation,
    reason: str,
    detail: str | None = None,
    by: str | None = None,
    proposed: str | None = None,
) -> None:
    """End the open escalation *one* and name everybody who was called for the stand-down.

    *proposed* is the department that a declining one names instead.
    """
    turn.case.escalations = tuple(other for other in turn.case.escalations if other is not one)
    if one.track == "functional":
        staleness.stop(turn)
    if reason == "withdrawn":
        turn.case.retracted += 1
    more = {
        "escalation_id": one.id,
        "track": one.track,
        "target": one.target,
        "reason": reason,
        "detail": detail,
        "by": by,
        "stand_down": [role for role, _ in one.called],
    }
    if proposed is not None:
        more["proposed"] = proposed
    turn.say("escalation.ended", one.triggers, more)


def end_all(turn: Turn, reason: str, detail: str | None = None) -> None:
    """End every open escalation of the case."""
    for one in turn.case.escalations:
        end(turn, one, reason, detail)


def _described(debt: Debt) -> dict[str, Any]:
    return {"fields": list(debt.fields), "due": rfc3339(debt.due)}


def _restored(turn: Turn, asked: Raise) -> tuple[Raise, Instant]:
    """Return when the raise counts: now, or when an escalation that comes back was raised anew."""
    at = turn.at
    if not turn.restored:
        return asked, at
    while (identity := (asked.track, asked.target, at)) in turn.restored:
        at = turn.restored[identity]
    return (asked if at == turn.at else replace(asked, triggers=("restored",))), at


def _id(turn: Turn, asked: Raise, at: Instant) -> str:
    """Return the id of an escalation, the same whenever the case is folded again."""
    nth = sum(
        1
        for effect in turn.effects
        if effect.type == "escalation.raised"
        and effect.data["track"] == asked.track
        and effect.data["target"] == asked.target
    )
    name = f"escalation|{turn.case.ticket}|{asked.track}|{asked.target}|{at}|{nth}"
    return derived_text(name)


def _called(notify: Iterable[dict[str, Any]], at: Instant) -> tuple[tuple[str, Instant], ...]:
    return tuple([(entry["role"], at) for entry in notify if not entry["fyi"]])
