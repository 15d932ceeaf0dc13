"""Raising, joining, calling, acknowledging and ending escalations (Tracks)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid5

from services.escalator.core import calls, people
from services.escalator.core.case import Debt, Escalation, swap
from services.escalator.core.dwell import enter
from services.escalator.core.executives import note_raise
from services.escalator.core.timers import refresh_update
from services.escalator.core.turn import Turn, hold_until
from shared.contract.ids import NAMESPACE
from shared.contract.times import Instant, Seconds, rfc3339
from shared.policy.calendars import Calendar
from shared.policy.document import Addressee


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
    people: Sequence[tuple[Addressee, str]]
    ack: Seconds | None
    mode: str
    ladder: str | None = None
    renotify: Seconds | None = None
    arithmetic: tuple[str, ...] = ()
    kind: str = "automatic"
    debt: Debt | None = None


def raise_functional(turn: Turn, tier: int, asked: Raise) -> None:
    """Raise a functional escalation to *tier*, moving the case there if it stands elsewhere.

    An open functional escalation ends `superseded` first, so that at most one is ever open.
    """
    case = turn.case
    open_one = case.open_on("functional")
    if open_one is not None:
        end(turn, open_one, "superseded")
    if tier != case.tier:
        more = {
            "from_tier": case.tier,
            "to_tier": tier,
            "direction": "up" if tier > case.tier else "down",
            "kind": asked.kind,
            "track": "functional",
        }
        enter(turn, tier)
        refresh_update(turn)
        turn.say("tier.changed", list(asked.triggers), more, arithmetic=asked.arithmetic)
    modifier = turn.policy.modifier(case.plan, vip=case.vip)
    extra = [(addressee, asked.mode) for addressee in modifier.extra_notify[case.priority]]
    told = [*asked.people, *extra]
    raise_escalation(turn, replace(asked, people=told, debt=_debt(turn, tier)))
    note_raise(turn)


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
    notify = people.notices(everybody, case.tier)
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
        debt=asked.debt,
    )
    if asked.track != "external" and asked.ack is not None:
        one = calls.first_call(turn, one)
    case.escalations = (*case.escalations, one)
    more: dict[str, Any] = {
        "escalation_id": one.id,
        "track": one.track,
        "target": one.target,
        "ack_due": None if ack_due is None else rfc3339(ack_due),
        "info_debt": None if one.debt is None else _described(one.debt),
    }
    effect = turn.say("escalation.raised", list(asked.triggers), more, arithmetic=asked.arithmetic)
    turn.tell(effect, notify, calendar)
    if at != turn.at:
        effect.at = at
        effect.data["at"] = rfc3339(at)
        effect.data["hold_until"] = hold_until(calendar, at)
    return one


def join(
    turn: Turn,
    one: Escalation,
    triggers: list[str],
    told: Sequence[tuple[Addressee, str]],
    arithmetic: Iterable[str] = (),
) -> None:
    """Tell *told* about the open escalation *one*; no new acknowledgement is asked."""
    notice(turn, one, None, triggers, people.notices(told, turn.case.tier), arithmetic)


def notice(
    turn: Turn,
    one: Escalation,
    step: int | None,
    triggers: list[str],
    notify: list[dict[str, Any]],
    arithmetic: Iterable[str] = (),
) -> None:
    """Say that a notice of the open escalation *one* is due to *notify*."""
    calendar = calls.calendar_of(turn, one)
    more = {"escalation_id": one.id, "track": one.track, "target": one.target, "step": step}
    effect = turn.say("escalation.notice_due", triggers, more, arithmetic=list(arithmetic))
    turn.tell(effect, notify, calendar)
    if effect.data.get("hold_until") is None:
        swap(turn.case, one, one._replace(called=_merged(one.called, _called(notify, turn.at))))


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
    notify = people.notices(told, one.tier)
    notice(turn, following, due.step, list(one.triggers), notify, [line])


def claim_debt(turn: Turn, one: Escalation) -> None:
    """Tell the lead of the tier that the information owed to it has not come (Information debt)."""
    debt = one.debt
    if debt is None:
        return
    settled = one._replace(debt=None)
    swap(turn.case, one, settled)
    lead = [{"role": f"t{one.tier}_lead", "mode": one.mode, "fyi": False}]
    line = (
        f"{len(debt.fields)} fields owed since {rfc3339(one.raised_at)}: {', '.join(debt.fields)}"
    )
    notice(turn, settled, None, ["info_debt"], lead, [line])


def settle_debts(turn: Turn) -> None:
    """Strike off every debt whose fields have all come."""
    known = set(turn.case.info)
    for one in turn.case.escalations:
        if one.debt is not None:
            owed = tuple(name for name in one.debt.fields if name not in known)
            swap(
                turn.case, one, one._replace(debt=one.debt._replace(fields=owed) if owed else None)
            )


def acknowledge(turn: Turn, one: Escalation, by: str | None, role: str) -> None:
    """Let *by* own the open escalation *one*; every later call of it is off."""
    swap(
        turn.case,
        one,
        one._replace(
            acknowledged_by=by or role,
            acknowledged_role=role,
            acknowledged_at=turn.at,
            call=None,
        ),
    )
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
    turn.say("escalation.acknowledged", list(one.triggers), more)


def end(turn: Turn, one: Escalation, reason: str, detail: str | None = None) -> None:
    """End the open escalation *one* and name everybody who was called for the stand-down."""
    turn.case.escalations = tuple(other for other in turn.case.escalations if other is not one)
    more = {
        "escalation_id": one.id,
        "track": one.track,
        "target": one.target,
        "reason": reason,
        "detail": detail,
        "by": None,
        "stand_down": [role for role, _ in one.called],
    }
    turn.say("escalation.ended", list(one.triggers), more)


def end_all(turn: Turn, reason: str, detail: str | None = None) -> None:
    """End every open escalation of the case."""
    for one in turn.case.escalations:
        end(turn, one, reason, detail)


def raise_department(
    turn: Turn,
    department: str,
    triggers: tuple[str, ...],
    mode: str,
    told: Sequence[tuple[Addressee, str]] = (),
) -> None:
    """Ask *department* for help: an external escalation that waits for its agreement (Departments).

    *told* are people to tell beside the department's duty.
    """
    policy, case = turn.policy, turn.case
    agreed = policy.department(department)
    within = agreed.ola[case.priority].acknowledge
    calendar = policy.department_calendar(department, case.priority, case.region)
    asked = Raise(
        track="external",
        target=department,
        triggers=triggers,
        people=[(Addressee(agreed.duty, fyi=False), mode), *told],
        ack=within,
        mode=mode,
        arithmetic=(
            f"{department} acknowledges {case.priority} within {within} s on {calendar.name}",
        ),
    )
    raise_escalation(turn, asked, calendar)


def open_department(turn: Turn, department: str) -> Escalation | None:
    """Return the open external escalation of *department*, if any."""
    return next(
        (
            one
            for one in turn.case.escalations
            if one.track == "external" and one.target == department
        ),
        None,
    )


def _debt(turn: Turn, tier: int) -> Debt | None:
    """Return what *tier* has not been told; the raise does not wait for it (Information debt)."""
    missing = turn.policy.missing_information(tier, turn.case.info)
    if not missing:
        return None
    within = turn.policy.info_debt_due[turn.case.priority]
    return Debt(tuple(missing), turn.internal_calendar.due(turn.at, within))


def _described(debt: Debt) -> dict[str, Any]:
    return {"fields": list(debt.fields), "due": rfc3339(debt.due)}


def _restored(turn: Turn, asked: Raise) -> tuple[Raise, Instant]:
    """Return when the raise counts: now, or when an escalation that comes back was raised anew."""
    at = turn.at
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
    return str(uuid5(NAMESPACE, name))


def _called(notify: Iterable[dict[str, Any]], at: Instant) -> tuple[tuple[str, Instant], ...]:
    return tuple((entry["role"], at) for entry in notify if not entry["fyi"])


def _merged(
    before: tuple[tuple[str, Instant], ...], now: tuple[tuple[str, Instant], ...]
) -> tuple[tuple[str, Instant], ...]:
    known = {role for role, _ in before}
    return before + tuple((role, at) for role, at in now if role not in known)
