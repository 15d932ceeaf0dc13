"""The written policy into look-ups."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Final, get_args

from shared.policy.calendars import BusinessCalendar, Calendar, ContinuousCalendar
from shared.policy.document import Policy
from shared.policy.ladders import Agreement, Department, Ladder, LadderStep, Row
from shared.policy.matrix import Band, Cell, ImpactBands, Modifier, Override, Promise
from shared.policy.pauses import Pause, Wait, WaitStep
from shared.policy.roles import Right
from shared.policy.shape.calls import TRIGGER_ID_LENGTH, LadderShape
from shared.policy.shape.file import PolicyFile
from shared.policy.shape.timing import CalendarShape, TimerName

ALWAYS: Final = "always"
INCLUDED: Final = "all_of_"
TIERS: Final = (1, 2, 3)


def compiled(file: PolicyFile, *, text: str, digest: str) -> Policy:
    """Return *file* as a policy; it must have passed the cross-checks.

    Args:
        file: What the file says.
        text: The file as it was read.
        digest: sha256 of its content.
    """
    head, rules, info = file.policy, file.time_rules, file.required_info
    return Policy(
        name=head.name,
        version=head.version,
        digest=digest,
        text=text,
        file=file,
        reference={"name": head.name, "version": head.version, "digest": digest},
        past_due_grace=head.past_due_grace_on_policy_change,
        future_skew_tolerance=rules.future_skew_tolerance,
        late_event_window=rules.late_event_window,
        warn_at=file.targets.warn_at,
        reopen_window=file.reopen.window,
        exec_cooldown=file.triggers.exec_cooldown.same_ticket,
        undo_merge_within=file.merge.undo_within,
        approval_expires=file.permissions.skip_tier_2.approval_expires,
        dwell_floor=file.modifiers.dwell_floor,
        overrides=_overrides(file),
        ladders={name: _ladder(name, ladder) for name, ladder in file.ladders.table().items()},
        info_debt_due=info.info_debt_due.table(),
        return_fix_by=info.return_fix_by.table(),
        stale_ack_after=file.triggers.stale_ack_after.table(),
        observe_window=file.de_escalation.observe_window.table(),
        recurrence_memory=file.de_escalation.recurrence_memory.table(),
        orphan_assign_by=file.department_rules.orphan_assign_by.table(),
        first_customer_notice=file.communication.first_customer_notice.table(),
        forms=_forms(info.forms()),
        ack_by=file.ladders.ack_by,
        _cells=_cells(file),
        _promises=_promises(file),
        _modifiers=_modifiers(file),
        _rows=_rows(file),
        _bands=_bands(file),
        _treatments=_treatments(file),
        _pauses=_pauses(file),
        _updates=_updates(file),
        _rights=_rights(file),
        **_departments(file),
        **_calendars(file),
    )


def _cells(file: PolicyFile) -> dict[tuple[str, str], Cell]:
    worsened = file.triggers.T20_cell_worsened.table()
    found: dict[tuple[str, str], Cell] = {}
    for severity, row in file.cells.table().items():
        for impact, cell in row.table().items():
            start = worsened[cell.priority]
            found[severity, impact] = Cell(
                priority=cell.priority,
                start_tier=cell.start_tier,
                t1_max=cell.t1_max,
                t2_max=cell.t2_max,
                exec_inform=cell.exec_inform,
                exec_decide=cell.exec_decide,
                tracks=cell.tracks,
                notify_at_start=cell.notify_at_start,
                mode=cell.mode,
                ack=None if start is None else start.ack,
                renotify=None if start is None else start.renotify,
            )
    return found


def _bands(file: PolicyFile) -> ImpactBands:
    impact = file.impact
    bands = [
        Band(name, users=counts.users, orgs=counts.orgs, share=float(counts.share))
        for name, shape in impact.table().items()
        if (counts := shape.at_least) is not None
    ]
    return ImpactBands(tuple(bands), impact.org_wide_flag_means, impact.unknown.table())


def _overrides(file: PolicyFile) -> dict[str, Override]:
    return {
        name: Override(
            min_priority=one.min_priority,
            min_tier=None if one.min_tier == "hold" else one.min_tier,
            external=one.external,
            notify=one.notify,
            exec_inform=one.exec_inform,
            restricted=one.restricted,
            never_grouped=one.grouping == "never",
        )
        for name, one in file.overrides.items()
    }


def _promises(file: PolicyFile) -> dict[tuple[str, str], Promise]:
    plans = {plan: getattr(file.targets, plan) for plan in ("standard", "premium", "enterprise")}
    return {
        (plan, priority): Promise(
            first_response=target.first_response,
            next_response=target.next_response,
            customer_update=target.customer_update,
            resolve=target.resolve,
        )
        for plan, targets in plans.items()
        for priority, target in targets.table().items()
    }


def _modifiers(file: PolicyFile) -> dict[tuple[str, bool], Modifier]:
    found: dict[tuple[str, bool], Modifier] = {}
    for plan, vip in product(("standard", "premium", "enterprise"), (False, True)):
        shape = getattr(file.modifiers, f"{plan}_vip" if vip else plan)
        more = shape.extra_notify
        people = {"P1": more.P1, "P2": more.P2, "P3": more.P3, "P4": more.P4}
        found[plan, vip] = Modifier(shape.dwell_factor, people)
    return found


def _ladder(name: str, shape: LadderShape) -> Ladder:
    return Ladder(
        name=name,
        renotify=shape.renotify,
        steps=tuple(LadderStep(step.after, step.to, step.mode) for step in shape.steps),
        then_from=shape.then.from_,
        then_every=shape.then.every,
        then_to=shape.then.to,
        then_mode=shape.then.mode,
    )


def _rows(file: PolicyFile) -> dict[tuple[str, str], Row | None]:
    found: dict[tuple[str, str], Row | None] = {}
    for name, rows in file.triggers.rows().items():
        number, rest = name[:TRIGGER_ID_LENGTH], name[TRIGGER_ID_LENGTH + 1 :]
        for priority, row in rows.table().items():
            found[number, priority] = (
                None
                if row is None
                else Row(
                    id=number,
                    name=rest,
                    to=str(row.to),
                    track=row.track,
                    notify=row.notify,
                    mode=row.mode,
                    by=row.by,
                    ack=row.ack,
                    renotify=row.renotify,
                )
            )
    return found


def _departments(file: PolicyFile) -> dict[str, Any]:
    departments = {
        name: Department(
            name=name,
            duty=shape.duty,
            backup=shape.backup,
            head=shape.head,
            hours=shape.hours.table(),
            ola={p: Agreement(ola.acknowledge, ola.update) for p, ola in shape.ola.table().items()},
        )
        for name, shape in file.departments.items()
    }
    duties = {one.duty: name for name, one in departments.items()}
    return {"departments": departments, "_department_of": duties}


def _calendars(file: PolicyFile) -> dict[str, Any]:
    calendars = {name: _calendar(name, shape) for name, shape in file.calendars.items()}
    business = calendars[file.business_calendar.default]
    regions = {
        name: calendars[name] for name, shape in file.calendars.items() if shape.kind == "weekly"
    }
    fixed: dict[str, Calendar | None] = {ALWAYS: calendars[ALWAYS], "business": None}
    promise = {
        (priority, plan): fixed[word]
        for priority, plans in file.calendar_for.table().items()
        for plan, word in plans.table().items()
    }
    internal = {
        (severity, priority, plan): promised if own is None else fixed[own]
        for severity, own in file.internal_calendar.table().items()
        for (priority, plan), promised in promise.items()
    }
    waits = {
        (priority, region): Wait(
            fixed[wait.calendar] or regions.get(region, business),
            tuple(WaitStep(step.after, step.do) for step in wait.steps),
        )
        for priority, wait in file.waiting_customer_steps.table().items()
        for region in ("", *regions)
    }
    return {
        "_calendars": calendars,
        "_regions": regions,
        "_business": business,
        "_promise_calendars": promise,
        "_internal_calendars": internal,
        "_waits": waits,
    }


def _calendar(name: str, shape: CalendarShape) -> Calendar:
    if shape.kind == "continuous" or shape.tz is None or shape.open is None:
        return ContinuousCalendar(name)
    return BusinessCalendar(name, shape.tz, shape.open.days(), shape.closed)


def _treatments(file: PolicyFile) -> dict[tuple[str, str], str]:
    statuses = file.statuses
    return {
        (status, timer): getattr(statuses, status).treatment(timer)
        for status in type(statuses).model_fields
        for timer in get_args(TimerName)
    }


def _pauses(file: PolicyFile) -> dict[str, Pause]:
    guards = file.pause_guards
    return {
        status: Pause(guard.needs, guard.max, "any_customer_message" in guard.ends_on)
        for status, guard in (
            ("waiting_customer", guards.waiting_customer),
            ("scheduled_hold", guards.scheduled_hold),
        )
    }


def _updates(file: PolicyFile) -> dict[tuple[str, int], bool]:
    return {
        (priority, tier): word == "always" or (word == "above_tier_1" and tier > 1)
        for priority, word in file.timers.customer_update.runs_for.table().items()
        for tier in TIERS
    }


def _forms(forms: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return every form with the forms that it includes spelt out."""
    return {name: tuple(dict.fromkeys(_spelt_out(form, forms))) for name, form in forms.items()}


def _spelt_out(form: tuple[str, ...], forms: Mapping[str, tuple[str, ...]]) -> list[str]:
    found: list[str] = []
    for field in form:
        included = forms.get(field.removeprefix(INCLUDED)) if field.startswith(INCLUDED) else None
        found += [field] if included is None else included
    return found


def _rights(file: PolicyFile) -> dict[str, Right]:
    given = file.permissions
    words = {
        "raise_up_one_tier": given.raise_up_one_tier,
        "approve_skip": given.skip_tier_2.else_needs_approval_of,
        "return_once_for_missing_information": given.return_once_for_missing_information,
        "decline": given.decline,
        "assign_against_decline": given.assign_against_decline,
        "change_severity_up": given.change_severity_up,
        "change_severity_down": given.change_severity_down,
        "lower_impact": file.impact.lower.by,
        "de_escalate": given.de_escalate,
        "propose_policy": given.edit_policy.propose,
        "approve_policy": given.edit_policy.approve,
    }
    duties = tuple(shape.duty for shape in file.departments.values())
    return {name: Right(listed, duties) for name, listed in words.items()}
